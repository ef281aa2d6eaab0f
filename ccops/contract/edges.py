"""Values at the edges where two schemas differ, the likely ones first. Each is checked before it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from ccops.contract.formats import INT32, TEXT
from ccops.contract.normalise import ALL_TYPES, NUMBERS, Schema, Sub, Union
from ccops.contract.patterns import Undecidable, samples
from ccops.contract.sample import MAX_ITEMS, NoSample, Sampler, count


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
    found = [count(one, key, -1) for one in schemas for key in keys]
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
    for number in _edges((sub, sup), ("minProperties", "maxProperties")):
        if number <= 1_000:
            yield {**base, **{f"key{index}": "x" for index in range(max(0, number - len(base)))}}
    yield from ({**base, "unexpected": True}, {**base, "not a name!": 1}, {**base, "x": "", "a": 1})
