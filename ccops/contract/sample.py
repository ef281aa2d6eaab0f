"""Small values that should be valid, and values at the edges where two schemas differ.

Nothing here has to be right: every value is checked by jsonschema before anybody sees it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import islice

from ccops.contract.changes import Path, Step
from ccops.contract.formats import TEXT
from ccops.contract.normalise import Schema, Source, Sub, Union, type_of
from ccops.contract.patterns import Undecidable, samples
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
        low, high = count(schema, "minLength", 0), count(schema, "maxLength", MAX_TEXT)
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
        wanted = max(count(schema, "minItems", 0), 1 if "contains" in schema.keys else 0)
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
        for name in spare[: max(0, count(schema, "minProperties", 0) - len(result))]:
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
            held = self._array(schema, 0, max(index + 1, count(schema, "minItems", 0)))
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


def count(schema: Schema, key: str, default: int) -> int:
    """Return a counting keyword of a schema."""
    held = schema.keys.get(key)
    return held if isinstance(held, int) else default


def _inside(value: float, low: object, high: object) -> bool:
    for bound, sign in ((low, 1), (high, -1)):
        if isinstance(bound, tuple) and (sign * value < sign * bound[0] or (bound[1] and value == bound[0])):
            return False
    return True
