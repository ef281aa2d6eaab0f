"""Join keywords of several schemas exactly, and drop what says nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ccops.contract.normalise import (
    ALL_TYPES,
    ARRAY_KEYS,
    COUNTS,
    NUMBER_KEYS,
    NUMBERS,
    OBJECT_KEYS,
    STRING_KEYS,
    Schema,
    Sub,
    frozen,
    has_type,
    type_of,
    whole,
)

if TYPE_CHECKING:
    from ccops.contract.normalise import Source
from ccops.contract.keywords import anything, tidy

_NUMERIC_FORMATS = frozenset({"int32", "int64", "float", "double"})


def merge(source: Source, one: Schema, two: Schema) -> Schema:
    """Return the schema both are; what can't be joined exactly stays beside it in `extras`."""
    if two.types == ALL_TYPES and not two.keys and not two.extras:
        return one
    if one.types == ALL_TYPES and not one.keys and not one.extras:
        return two
    keys = _joined(source, one, two)
    if keys is None:
        return replace(one, extras=(*one.extras, Sub(two.raw, two.at)))
    return Schema(
        one.raw, one.at, _common(one.types, two.types), keys, {**two.places, **one.places},
        one.extras + two.extras, one.name or two.name,
    )  # fmt: skip


def _common(one: frozenset[str], two: frozenset[str]) -> frozenset[str]:
    both = one & two
    if ("integer" in one and "number" in two) or ("integer" in two and "number" in one):
        both |= {"integer"}
    return both


def _joined(source: Source, one: Schema, two: Schema) -> dict[str, object] | None:
    """Return the joint keywords, or None where the join would not be exact."""
    for this, that in ((one.keys, two.keys), (two.keys, one.keys)):
        blind = any(key in that for key in ("union", "if", "dependentSchemas", "dynamic"))
        left = any(name in this for name in ("unevaluatedProperties", "unevaluatedItems"))
        if left and that and (this is two.keys or blind):
            return None
        if "patternProperties" in this and ("additionalProperties" in that or "properties" in that):
            return None
        if "prefixItems" in this and ("items" in that or "prefixItems" in that):
            return None
        if any(name in this for name in ("if", "then", "else")) and any(
            name in that for name in ("if", "then", "else")
        ):
            return None
    keys = {**two.keys, **one.keys}
    for name in keys.keys() & one.keys.keys() & two.keys.keys():
        joined = _join(source, name, one.keys[name], two.keys[name])
        if joined is None:
            return None
        keys[name] = joined
    _join_properties(source, one.keys, two.keys, keys)
    return keys


def _join(source: Source, name: str, one: object, two: object) -> object:
    """Return the joint value of a keyword that both have, None where there is none."""
    if one == two and name not in {"union", "contains", "not"}:
        return one
    if isinstance(one, int) and isinstance(two, int) and name in COUNTS:
        return max(one, two) if name.startswith("min") else min(one, two)
    if name in {"low", "high"} and isinstance(one, tuple) and isinstance(two, tuple):
        return max(one, two) if name == "low" else min(one, two, key=lambda bound: (bound[0], not bound[1]))
    if name == "multipleOf" and isinstance(one, int) and isinstance(two, int):
        return math.lcm(one, two)
    if isinstance(one, frozenset) and isinstance(two, frozenset):
        return one | two
    if name == "enum" and isinstance(one, list) and isinstance(two, list):
        known = {frozen(value) for value in two}
        return [value for value in one if frozen(value) in known]
    if (
        name in {"items", "additionalProperties", "propertyNames"}
        and isinstance(one, Sub)
        and isinstance(two, Sub)
    ):
        return source.both((one, two))
    if name == "dependentRequired" and isinstance(one, dict) and isinstance(two, dict):
        return {key: one.get(key, frozenset()) | two.get(key, frozenset()) for key in {**one, **two}}
    return {} if name == "properties" else None


def _join_properties(
    source: Source, one: Mapping[str, object], two: Mapping[str, object], keys: dict[str, object]
) -> None:
    """Join declared properties; a name that only one side declares meets the other's additionalProperties."""
    if "properties" not in keys:
        return
    mine, theirs = one.get("properties", {}), two.get("properties", {})
    assert isinstance(mine, dict)
    assert isinstance(theirs, dict)
    joined: dict[str, Sub] = {}
    for name in {**mine, **theirs}:
        subs: list[Sub] = []
        for held, side in ((mine, one), (theirs, two)):
            sub = held.get(name, side.get("additionalProperties"))
            if isinstance(sub, Sub) and not anything(sub):
                subs.append(sub)
        joined[name] = source.both(tuple(subs)) if subs else mine.get(name) or theirs[name]
    keys["properties"] = joined


def close(source: Source, schema: Schema) -> None:
    """Drop what says nothing and settle what can be said in one way only."""
    keys = schema.keys
    for name in [name for name, value in keys.items() if _says_nothing(name, value)]:
        del keys[name]
    if "contains" not in keys:
        keys.pop("minContains", None)
        keys.pop("maxContains", None)
    if isinstance(keys.get("enum"), list):
        _close_enum(schema)
    blind = schema.extras or any(name in keys for name in ("union", "if", "dependentSchemas", "dynamic"))
    if not blind and "unevaluatedProperties" in keys:
        last = keys.pop("unevaluatedProperties")
        if "additionalProperties" not in keys and not anything(last):  # type: ignore[arg-type]
            keys["additionalProperties"] = last
    types = schema.types
    for kind, names in (("string", STRING_KEYS), ("array", ARRAY_KEYS), ("object", OBJECT_KEYS)):
        if kind not in types:
            for name in names:
                keys.pop(name, None)
    if not types & NUMBERS:
        for name in NUMBER_KEYS:
            keys.pop(name, None)
    wanted = NUMBERS if keys.get("format") in _NUMERIC_FORMATS else {"string"}
    if "format" in keys and (not types & wanted or "enum" in keys):
        del keys["format"]
    if "number" not in types:
        _whole_bounds(keys)


def _says_nothing(name: str, value: object) -> bool:
    if name in {
        "items",
        "additionalProperties",
        "propertyNames",
        "unevaluatedProperties",
        "unevaluatedItems",
    }:
        return isinstance(value, Sub) and anything(value)
    if name in {"minLength", "minItems", "minProperties"}:
        return value == 0
    if name in {"then", "else", "minContains", "not", "contentSchema"}:
        return False
    return name in {"properties", "required", "patternProperties", "dependentRequired"} and not value


def _close_enum(schema: Schema) -> None:
    values = [one for one in schema.keys["enum"] if has_type(one, schema.types)]  # type: ignore[attr-defined]
    schema.types = tidy(frozenset(map(type_of, values)))
    schema.keys["enum"] = values
    if {frozen(one) for one in values} == {"true", "false"} or values == [None]:
        del schema.keys["enum"]


def _whole_bounds(keys: dict[str, object]) -> None:
    """Write the bounds of integers inclusively: above 0 is from 1."""
    for name, up in (("low", True), ("high", False)):
        bound = keys.get(name)
        if isinstance(bound, tuple):
            value, strict = bound
            edge = whole(value, up=up)
            if strict and edge == value:
                edge += 1 if up else -1
            keys[name] = (edge, False)
    if keys.get("multipleOf") == 1:
        del keys["multipleOf"]
