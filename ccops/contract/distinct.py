"""What tells alternatives apart: their marks, and whether no value fits both."""

from __future__ import annotations

from ccops.contract.normalise import NUMBERS, Schema, Source, Sub, frozen


def marks_of(source: Source, schema: Schema) -> dict[str, object]:
    """Return what tells an alternative from its siblings: a constant property, its name, its type."""
    marks: dict[str, object] = {}
    held = schema.keys.get("properties")
    if isinstance(held, dict):
        for name in sorted(held):
            values = source.schema(held[name]).keys.get("enum")
            if isinstance(values, list) and len(values) == 1:
                marks["tag"] = (name, frozen(values[0]))
                break
    if schema.name:
        marks["name"] = schema.name
    if len(schema.types) == 1 and schema.types != {"object"}:
        marks["type"] = schema.types
    return marks


def disjoint(left: Source, one: Schema, right: Source, two: Schema, depth: int = 3) -> bool:
    """Return whether it is certain that no value fits both schemas."""
    shared = one.types & two.types
    if not shared and not (one.types & NUMBERS and two.types & NUMBERS):
        return True
    values = [side.keys.get("enum") for side in (one, two)]
    if isinstance(values[0], list) and isinstance(values[1], list):
        return not {frozen(value) for value in values[0]} & {frozen(value) for value in values[1]}
    if shared != {"object"} or depth == 0:
        return False
    held = [side.keys.get("properties", {}) for side in (one, two)]
    needed = [side.keys.get("required", frozenset()) for side in (one, two)]
    assert isinstance(held[0], dict)
    assert isinstance(held[1], dict)
    assert isinstance(needed[0], frozenset)
    assert isinstance(needed[1], frozenset)
    for name in needed[0] | needed[1]:
        if name in held[0] and name in held[1]:
            pair = left.schema(held[0][name]), right.schema(held[1][name])
            if disjoint(left, pair[0], right, pair[1], depth - 1):
                return True
        for schema, mine, theirs in ((one, held[0], needed[1]), (two, held[1], needed[0])):
            closed = schema.keys.get("additionalProperties")
            shut = isinstance(closed, Sub) and closed.raw is False and "patternProperties" not in schema.keys
            if shut and name in theirs and name not in mine:
                return True
    return False
