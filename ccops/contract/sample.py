"""Small values that should be valid, and values at the edges where two schemas differ.

Nothing here has to be right: every value is checked by jsonschema before anybody sees it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import islice

from ccops.contract.formats import INT32, TEXT
from ccops.contract.normalise import ALL_TYPES, NUMBERS, Schema, Source, Sub, Union, type_of
from ccops.contract.patterns import Undecidable, samples
from ccops.contract.relate import Path, Step
from ccops.contract.relate_objects import declared

MAX_TEXT = 100_000
MAX_ITEMS = 5_000
MAX_NESTING = 12
_ORDER = ("string", "integer", "number", "boolean", "object", "array", "null")


class NoSample(Exception):
    """No value could be made."""


class Sampler:
    """Makes values for schemas of one document."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._made: dict[tuple[int, frozenset[str] | None], object] = {}

    def minimal(self, schema: Schema, types: frozenset[str] | None = None, depth: int = 0) -> object:
        """Return a small value of a schema, of one of `types` if given. Raises NoSample."""
        key = (id(schema), types)
        if key not in self._made:
            if depth > MAX_NESTING:
                raise NoSample
            self._made[key] = self._make(schema, types, depth)
        return copy.deepcopy(self._made[key])

    def _make(self, schema: Schema, types: frozenset[str] | None, depth: int) -> object:
        values = schema.keys.get("enum")
        wanted = schema.types if types is None else schema.types & types
        if types and "integer" in types and "number" in schema.types:
            wanted |= {"integer"}
        if isinstance(values, list):
            fitting = [one for one in values if types is None or {type_of(one), "number"} & types]
            if not fitting:
                raise NoSample
            return fitting[0]
        union = schema.keys.get("union")
        if isinstance(union, Union):
            return self._alternative(schema, union, types, depth)
        for kind in _ORDER:
            if kind in wanted or (kind == "integer" and "number" in wanted):
                return self._of_type(schema, kind, depth)
        raise NoSample

    def _alternative(self, schema: Schema, union: Union, types: frozenset[str] | None, depth: int) -> object:
        for sub in union.branches:
            branch = self.source.schema(sub)
            try:
                value = self.minimal(branch, types, depth + 1)
            except NoSample:
                continue
            return self.onto(schema, value, depth)
        raise NoSample

    def onto(self, schema: Schema, value: object, depth: int = 0) -> object:
        """Return the value of an alternative together with what the schema around it wants."""
        if not isinstance(value, dict) or not (schema.keys.keys() & {"properties", "required"}):
            return value
        base = self._object(schema, depth)
        return {**base, **value}

    def _of_type(self, schema: Schema, kind: str, depth: int) -> object:
        match kind:
            case "null":
                return None
            case "boolean":
                return True
            case "string":
                return next(self.texts(schema), "x")
            case "integer" | "number":
                return next(iter(self.numbers(schema, kind)), 1)
            case "array":
                return self._array(schema, depth)
        return self._object(schema, depth)

    def texts(self, schema: Schema, lengths: tuple[int, ...] = ()) -> Iterator[str]:
        """Yield texts: of the format, of the pattern, of `lengths`."""
        low, high = _count(schema, "minLength", 0), _count(schema, "maxLength", MAX_TEXT)
        form = schema.keys.get("format")
        base = TEXT[form][1] if isinstance(form, str) and form in TEXT else "text"
        patterns = schema.keys.get("patterns")
        if isinstance(patterns, frozenset):
            for pattern in sorted(patterns):
                try:
                    yield from (one for one in samples(pattern) if low <= len(one) <= high)
                except Undecidable:
                    continue
        for length in lengths or (min(max(low, min(len(base), high)), MAX_TEXT),):
            if 0 <= length <= MAX_TEXT:
                yield (base + "x" * length)[:length]

    def numbers(self, schema: Schema, kind: str) -> Iterator[float]:
        """Yield numbers within the bounds, the plainest first."""
        low, high = schema.keys.get("low"), schema.keys.get("high")
        step = schema.keys.get("multipleOf")
        edges: list[float] = [1, 0]
        for bound, sign in ((low, 1), (high, -1)):
            if isinstance(bound, tuple):
                value, strict = bound
                edges += [value + sign] if strict else [value]
                edges += [value + sign * 0.5, value + sign * 0.001] if strict and kind == "number" else []
        if isinstance(step, int | float):
            edges = [round(edge / step) * step for edge in edges] + [step]
            edges += [edge + step for edge in edges] + [edge - step for edge in edges]
        for edge in edges:
            if _inside(edge, low, high) and not (kind == "integer" and edge != int(edge)):
                yield int(edge) if edge == int(edge) else edge

    def _array(self, schema: Schema, depth: int, length: int | None = None) -> list[object]:
        wanted = max(_count(schema, "minItems", 0), 1 if "contains" in schema.keys else 0)
        wanted = wanted if length is None else length
        if wanted > MAX_ITEMS:
            raise NoSample
        prefix = schema.keys.get("prefixItems")
        heads = prefix if isinstance(prefix, tuple) else ()
        rest = schema.keys.get("items")
        inside = schema.keys.get("contains")
        result: list[object] = []
        unique = schema.keys.get("uniqueItems") is True
        for index in range(wanted):
            sub = heads[index] if index < len(heads) else rest if isinstance(rest, Sub) else Sub(True, "")
            if index == len(heads) and isinstance(inside, Sub):
                sub = self.source.both((sub, inside)) if isinstance(rest, Sub) else inside
            result.append(
                self._distinct(sub, index, depth)
                if unique
                else self.minimal(self.source.schema(sub), None, depth + 1)
            )
        return result

    def array(self, schema: Schema, length: int) -> list[object]:
        """Return an array of `length` members."""
        return self._array(schema, 0, length)

    def _distinct(self, sub: Sub, index: int, depth: int) -> object:
        schema = self.source.schema(sub)
        values = schema.keys.get("enum")
        if isinstance(values, list) and index < len(values):
            return values[index]
        value = self.minimal(schema, None, depth + 1)
        if isinstance(value, str):
            return f"{value}{index}"
        return value + index if isinstance(value, int | float) and not isinstance(value, bool) else value

    def _object(self, schema: Schema, depth: int) -> dict[str, object]:
        required = schema.keys.get("required")
        names = sorted(required) if isinstance(required, frozenset) else []
        result: dict[str, object] = {}
        for name in names:
            result[name] = self.minimal(self.source.schema(self.member(schema, name)), None, depth + 1)
        dependent = schema.keys.get("dependentRequired")
        if isinstance(dependent, dict):
            for name in [one for key in list(result) for one in dependent.get(key, ())]:
                result.setdefault(
                    name, self.minimal(self.source.schema(self.member(schema, name)), None, depth + 1)
                )
        held = schema.keys.get("properties")
        spare = [name for name in (held if isinstance(held, dict) else {}) if name not in result]
        spare += [f"key{index}" for index in range(50)]
        for name in spare[: max(0, _count(schema, "minProperties", 0) - len(result))]:
            result[name] = self.minimal(self.source.schema(self.member(schema, name)), None, depth + 1)
        return result

    def member(self, schema: Schema, name: str) -> Sub:
        """Return the schema of a property, declared or not."""
        rest = schema.keys.get("additionalProperties")
        return declared(schema, name) or (
            rest if isinstance(rest, Sub) and rest.raw is not False else Sub(True, "")
        )

    def embed(self, schema: Schema, path: Path, value: object, branch: int, depth: int = 0) -> object:
        """Return a value of `schema` with `value` at `path`; `branch`: which index of a step counts."""
        if not path:
            return value
        if depth > 60:
            raise NoSample
        step, rest = path[0], path[1:]
        union = schema.keys.get("union")
        if step[0] == "branch":
            if not isinstance(union, Union):
                return self.embed(schema, rest, value, branch, depth + 1)
            index = int(step[1 + branch])
            if index >= len(union.branches):
                raise NoSample
            inner = self.embed(self.source.schema(union.branches[index]), rest, value, branch, depth + 1)
            return self.onto(schema, inner)
        return self._inside(schema, step, rest, value, branch, depth)

    def _inside(
        self, schema: Schema, step: Step, rest: Path, value: object, branch: int, depth: int
    ) -> object:
        if step[0] in {"item", "prefix"}:
            index = int(step[1]) if step[0] == "prefix" else len(_prefix(schema))
            held = self._array(schema, 0, max(index + 1, _count(schema, "minItems", 0)))
            items = schema.keys.get("items")
            sub = (
                _prefix(schema)[index]
                if index < len(_prefix(schema))
                else items
                if isinstance(items, Sub)
                else Sub(True, "")
            )
            held[index] = self.embed(self.source.schema(sub), rest, value, branch, depth + 1)
            return held
        base = self.minimal(schema, frozenset({"object"}))
        if not isinstance(base, dict):
            raise NoSample
        name = str(step[1]) if step[0] == "property" else "key"
        if step[0] == "pattern":
            name = next(islice(samples(str(step[1])), 1), "key")
        base[name] = self.embed(self.source.schema(self.member(schema, name)), rest, value, branch, depth + 1)
        return base


def _prefix(schema: Schema) -> tuple[Sub, ...]:
    held = schema.keys.get("prefixItems")
    return held if isinstance(held, tuple) else ()


def _count(schema: Schema, key: str, default: int) -> int:
    held = schema.keys.get(key)
    return held if isinstance(held, int) else default


def _inside(value: float, low: object, high: object) -> bool:
    for bound, sign in ((low, 1), (high, -1)):
        if isinstance(bound, tuple) and (sign * value < sign * bound[0] or (bound[1] and value == bound[0])):
            return False
    return True


def around(mine: Sampler, sub: Schema, sup: Schema, theirs: Sampler | None = None) -> Iterator[object]:
    """Yield values of the writer's schema that the reader's may refuse, the likely ones first."""
    if theirs is not None:
        yield from _provoked(mine, sub, sup, theirs)
    lost = [
        kind for kind in sorted(sub.types - sup.types) if not (kind == "integer" and "number" in sup.types)
    ]
    for kind in [*lost, *sorted(sub.types - set(lost))]:
        if sub.types == ALL_TYPES and kind in sup.types and not sup.keys.keys() & {"enum", "not", "union"}:
            continue
        yield from _tried(mine.minimal, sub, frozenset({kind}))
    values = sub.keys.get("enum")
    if isinstance(values, list):
        yield from values[:1000]
        return
    if "string" in sub.types:
        yield from _texts(mine, sub, sup)
    if sub.types & NUMBERS:
        yield from _numbers(mine, sub, sup)
    if "array" in sub.types:
        yield from _arrays(mine, sub, sup)
    if "object" in sub.types:
        yield from _objects(mine, sub, sup)
    union = sub.keys.get("union")
    if isinstance(union, Union):
        for branch in union.branches[:20]:
            inner = mine.source.schema(branch)
            for value in islice(around(mine, inner, sup), 40) if "union" not in inner.keys else ():
                yield mine.onto(sub, value)


def _provoked(mine: Sampler, sub: Schema, sup: Schema, theirs: Sampler) -> Iterator[object]:
    """Yield values that fulfil the conditions the reader's schema sets, so that their consequences bite."""
    try:
        base = mine.minimal(sub)
    except NoSample:
        base = None
    conditions = [sup.keys.get(key) for key in ("not", "if", "then", "else")]
    for raw in [one for one in conditions if isinstance(one, Sub)]:
        for value in _tried(theirs.minimal, theirs.source.schema(raw)):
            yield {**base, **value} if isinstance(base, dict) and isinstance(value, dict) else value
    if not isinstance(base, dict):
        return
    for key in ("dependentRequired", "dependentSchemas"):
        held = sup.keys.get(key)
        for name in held if isinstance(held, dict) else ():
            found = dict(base)
            before = sub.keys.get("dependentRequired")
            for one in (name, *(sorted(before.get(name, ())) if isinstance(before, dict) else ())):
                for value in _tried(mine.minimal, mine.source.schema(mine.member(sub, one))):
                    found.setdefault(one, value)
            yield found
            inner = held[name] if isinstance(held, dict) else None
            properties = (
                theirs.source.schema(inner).keys.get("properties") if isinstance(inner, Sub) else None
            )
            for one in properties if isinstance(properties, dict) else ():
                yield from ({**found, one: value} for value in (None, 0, "x", True))
    patterns = sup.keys.get("patternProperties")
    for pattern in patterns if isinstance(patterns, dict) else ():
        for name in _names_of(pattern):
            tried: tuple[object, ...] = (0, "x", True, None, [], {})
            yield from ({**base, name: value} for value in tried)
    names = sup.keys.get("propertyNames")
    if isinstance(names, Sub):
        text = Schema(True, "", frozenset({"string"}))
        for name in islice(around(mine, text, theirs.source.schema(names)), 30):
            if isinstance(name, str):
                yield {**base, name: "x"}


def _names_of(pattern: str) -> list[str]:
    try:
        return list(islice(samples(pattern), 2))
    except Undecidable:
        return []


def _tried(make: Callable[..., object], *given: object) -> Iterator[object]:
    try:
        yield make(*given)
    except NoSample:
        return


def _edges(schemas: tuple[Schema, ...], keys: tuple[str, ...]) -> list[int]:
    found = [_count(one, key, -1) for one in schemas for key in keys]
    return sorted({edge + shift for edge in found if edge >= 0 for shift in (-1, 0, 1) if edge + shift >= 0})


def _texts(mine: Sampler, sub: Schema, sup: Schema) -> Iterator[object]:
    yield from mine.texts(sub, tuple(_edges((sub, sup), ("minLength", "maxLength"))))
    form = sub.keys.get("format")
    if not (isinstance(form, str) and form in TEXT):
        yield from ("", "text", "a", "A", "0", "-1", " ", "a b", "é", "not/it?", "a" * 20)
        yield from (example for _test, example in TEXT.values())
        yield from ("a:b", "_", "1.5", "Aa1!", "a" * 200)


def _numbers(mine: Sampler, sub: Schema, sup: Schema) -> Iterator[object]:
    kinds = ("integer", "number") if "number" in sub.types else ("integer",)
    for kind in kinds:
        yield from mine.numbers(sub, kind)
    edges: list[float] = [0, 1, -1, 2, 3, INT32[1] + 1, INT32[0] - 1]
    for one in (sub, sup):
        for key in ("low", "high"):
            bound = one.keys.get(key)
            if isinstance(bound, tuple):
                edges += [bound[0], bound[0] - 1, bound[0] + 1, bound[0] + 0.5, bound[0] - 0.5]
        step = one.keys.get("multipleOf")
        if isinstance(step, int | float):
            edges += [step, 2 * step, 3 * step, 5 * step, 7 * step]
    if "number" in sub.types:
        edges += [0.5, 1.5]
    for edge in edges:
        if edge == int(edge) or "number" in sub.types:
            yield int(edge) if edge == int(edge) else edge


def _arrays(mine: Sampler, sub: Schema, sup: Schema) -> Iterator[object]:
    lengths = dict.fromkeys(
        [*_edges((sub, sup), ("minItems", "maxItems", "minContains", "maxContains")), 0, 1, 2, 3]
    )
    for length in lengths:
        if length <= MAX_ITEMS:
            yield from _tried(mine.array, sub, length)
    inside = sub.keys.get("contains", sup.keys.get("contains"))
    if isinstance(inside, Sub):
        yield from ([], [None], [0], ["x"], [{}], [1, 1], [1, 2, 3])
        for value in islice(around(mine, mine.source.schema(inside), Schema(True, "")), 3):
            yield from ([value] * length for length in lengths if length <= 50)
    items = sub.keys.get("items")
    inner = mine.source.schema(items) if isinstance(items, Sub) else Schema(True, "")
    for value in islice(around(mine, inner, Schema(True, "")), 12):
        yield [value]
        yield [value, value]


def _objects(mine: Sampler, sub: Schema, sup: Schema) -> Iterator[object]:
    try:
        base = mine.minimal(sub, frozenset({"object"}))
    except NoSample:
        return
    if not isinstance(base, dict):
        return
    held = sub.keys.get("properties")
    names = list(held) if isinstance(held, dict) else []
    wanted = sup.keys.get("properties")
    names += [
        name
        for name in (wanted if isinstance(wanted, dict) else {})
        if name not in names and "additionalProperties" in sub.keys
    ]
    full = dict(base)
    for name in names[:60]:
        if name in base:
            continue
        try:
            value = mine.minimal(mine.source.schema(mine.member(sub, name)), None, 1)
        except NoSample:
            continue
        full[name] = value
        yield {**base, name: value}
    yield full
    rest = sub.keys.get("additionalProperties")
    if isinstance(rest, Sub) and rest.raw is not False:
        inner = mine.source.schema(rest)
        for value in islice(around(mine, inner, Schema(True, "")), 8):
            yield {**base, "key": value}
    for name in names[:40]:
        inner = mine.source.schema(mine.member(sub, name))
        for value in islice(around(mine, inner, Schema(True, "")), 8) if len(names) < 12 else ():
            yield {**base, name: value}
    for count in _edges((sub, sup), ("minProperties", "maxProperties")):
        if count <= 1_000:
            yield {**base, **{f"key{index}": "x" for index in range(max(0, count - len(base)))}}
    yield from ({**base, "unexpected": True}, {**base, "not a name!": 1}, {**base, "x": "", "a": 1})
