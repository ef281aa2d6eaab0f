"""What normalising does with single keywords: read them, join them, drop what says nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ccops.contract.load import kind_of, step
from ccops.contract.model import Direction
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
    Union,
    frozen,
    has_type,
    type_of,
    whole,
)

if TYPE_CHECKING:
    from ccops.contract.normalise import Source

# Everything that can refuse a value. A schema without any of these accepts all.
ASSERTIONS = frozenset({
    "$ref", "$dynamicRef", "type", "enum", "const", "allOf", "anyOf", "oneOf", "not", "if", "then", "else",
    "properties", "patternProperties", "additionalProperties", "propertyNames", "required", "minProperties",
    "maxProperties", "dependentRequired", "dependentSchemas", "unevaluatedProperties", "items", "prefixItems",
    "contains", "minContains", "maxContains", "minItems", "maxItems", "uniqueItems", "unevaluatedItems",
    "minLength", "maxLength", "pattern", "format", "contentEncoding", "contentMediaType", "contentSchema",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
})  # fmt: skip
_SUBS = ("items", "additionalProperties", "propertyNames", "contains", "not", "if", "then", "else",
         "unevaluatedProperties", "unevaluatedItems", "contentSchema")  # fmt: skip
_TRIVIAL_PATTERNS = frozenset({"", ".*", "^", "$", "^.*"})
_NUMERIC_FORMATS = frozenset({"int32", "int64", "float", "double"})
_MARK = {Direction.REQUEST: "readOnly", Direction.RESPONSE: "writeOnly"}


def anything(sub: Sub | None) -> bool:
    """Return whether a schema accepts every value on sight."""
    return (
        sub is None or sub.raw is True or (isinstance(sub.raw, Mapping) and not ASSERTIONS & sub.raw.keys())
    )


def own(source: Source, raw: Mapping[str, object], at: str) -> Schema:
    """Read the keywords that stand in `raw` itself, without `$ref` and `allOf`."""
    rest = {key: value for key, value in raw.items() if key in ASSERTIONS and key not in {"$ref", "allOf"}}
    source.keep(rest, at)
    keys: dict[str, object] = {}
    for name in _SUBS:
        if name in raw:
            keys[name] = _sub(source, raw[name], step(at, name))
    for name in COUNTS:
        if name in raw:
            keys[name] = _count(source, raw, name, at)
    keys |= _bounds(source, raw, at) | _values(source, raw, at) | _objects(source, raw, at)
    if "prefixItems" in raw:
        keys["prefixItems"] = _list_of_subs(source, raw, "prefixItems", at)
    if raw.get("uniqueItems") is True:
        keys["uniqueItems"] = True
    if "$dynamicRef" in raw:
        keys["dynamic"] = raw["$dynamicRef"]
    unions = [(name, _list_of_subs(source, raw, name, at)) for name in ("anyOf", "oneOf") if name in raw]
    extras: tuple[Sub, ...] = ()
    if unions:
        name, branches = unions[0]
        keys["union"] = Union(branches, name == "oneOf", step(at, name), name)
    if len(unions) > 1:
        second = {"oneOf": raw["oneOf"]}
        source.keep(second, at)
        extras = (Sub(second, at),)
    return Schema(rest, at, _types(source, raw, at), keys, dict.fromkeys(keys, at), extras)


def _types(source: Source, raw: Mapping[str, object], at: str) -> frozenset[str]:
    written = raw.get("type")
    if written is None:
        return ALL_TYPES
    names = written if isinstance(written, list) else [written]
    found = frozenset(one for one in names if isinstance(one, str))
    if not names or len(found) < len(names) or not found <= ALL_TYPES | {"integer"}:
        raise source.wrong(step(at, "type"), f"no type of JSON Schema: {str(written)[:80]}")
    return tidy(found)


def tidy(types: frozenset[str]) -> frozenset[str]:
    """Return `types` without the integer that number already holds."""
    return types - {"integer"} if "number" in types else types


_CONTENT = {
    "binary": ("contentMediaType", "application/octet-stream"),
    "byte": ("contentEncoding", "base64"),
}


def _values(source: Source, raw: Mapping[str, object], at: str) -> dict[str, object]:
    keys: dict[str, object] = {}
    if "enum" in raw:
        if not isinstance(raw["enum"], list):
            raise source.wrong(step(at, "enum"), f"an array is expected, this is {kind_of(raw['enum'])}")
        keys["enum"] = unique(raw["enum"])
    if "const" in raw:
        allowed = keys.get("enum", [raw["const"]])
        assert isinstance(allowed, list)
        keys["enum"] = [one for one in allowed if frozen(one) == frozen(raw["const"])]
    for name in ("format", "contentEncoding", "contentMediaType"):
        if isinstance(raw.get(name), str):
            keys[name] = raw[name]
    # OpenAPI 3.0 and older FastAPI say `binary` and `byte` where 3.1 uses JSON Schema's own words.
    if (spelt := _CONTENT.get(str(keys.get("format")))) is not None:
        del keys["format"]
        keys = {spelt[0]: spelt[1], **keys}
    pattern = raw.get("pattern")
    if pattern is not None:
        if not isinstance(pattern, str):
            raise source.wrong(step(at, "pattern"), f"a string is expected, this is {kind_of(pattern)}")
        if pattern not in _TRIVIAL_PATTERNS:
            keys["patterns"] = frozenset({pattern})
    return keys


def unique(values: list[object]) -> list[object]:
    """Return `values`, each once, in order."""
    return list({frozen(one): one for one in reversed(values)}.values())[::-1]


def _number(source: Source, raw: Mapping[str, object], name: str, at: str) -> float:
    value = raw[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise source.wrong(step(at, name), f"a number is expected, this is {kind_of(value)}")
    return value


def _count(source: Source, raw: Mapping[str, object], name: str, at: str) -> int:
    value = _number(source, raw, name, at)
    if value < 0 or value != int(value):
        raise source.wrong(step(at, name), f"a count is expected, this is {value}")
    return int(value)


def _bounds(source: Source, raw: Mapping[str, object], at: str) -> dict[str, object]:
    """Return `low` and `high` as (value, exclusive): 3.0 writes a flag, 3.1 a second number."""
    keys: dict[str, object] = {}
    for name, plain, strict, sign in (
        ("low", "minimum", "exclusiveMinimum", 1),
        ("high", "maximum", "exclusiveMaximum", -1),
    ):
        found: list[tuple[float, bool]] = []
        flag = raw.get(strict)
        if plain in raw:
            found.append((_number(source, raw, plain, at), flag is True))
        if strict in raw and not isinstance(flag, bool):
            found.append((_number(source, raw, strict, at), True))
        if found:
            keys[name] = max(found, key=lambda one: (sign * one[0], one[1]))
    if "multipleOf" in raw:
        keys["multipleOf"] = _number(source, raw, "multipleOf", at)
        if _number(source, raw, "multipleOf", at) <= 0:
            raise source.wrong(step(at, "multipleOf"), "a multiple of nothing")
    return keys


def _objects(source: Source, raw: Mapping[str, object], at: str) -> dict[str, object]:
    keys: dict[str, object] = {}
    hidden: set[str] = set()
    for name in ("properties", "patternProperties", "dependentSchemas"):
        held = raw.get(name)
        if held is None:
            continue
        if not isinstance(held, Mapping):
            raise source.wrong(step(at, name), f"an object is expected, this is {kind_of(held)}")
        keys[name] = {key: _sub(source, value, step(step(at, name), key)) for key, value in held.items()}
    properties = keys.get("properties")
    if isinstance(properties, dict):
        hidden = {key for key, sub in properties.items() if source.hides(sub)}
        keys["properties"] = {key: sub for key, sub in properties.items() if key not in hidden}
    required = raw.get("required")
    if isinstance(required, list):  # draft 4's boolean form stands in many parameters: it says nothing here
        if not all(isinstance(one, str) for one in required):
            raise source.wrong(step(at, "required"), "names are expected")
        keys["required"] = frozenset(required) - hidden
    if hidden:
        keys["hidden"] = frozenset(hidden)
    dependent = raw.get("dependentRequired")
    if isinstance(dependent, Mapping):
        keys["dependentRequired"] = {
            key: frozenset(map(str, names)) for key, names in dependent.items() if isinstance(names, list)
        }
    return keys


def _list_of_subs(source: Source, raw: Mapping[str, object], name: str, at: str) -> tuple[Sub, ...]:
    held, place = raw[name], step(at, name)
    if not isinstance(held, list) or (not held and name != "prefixItems"):
        raise source.wrong(place, f"an array of schemas is expected, this is {kind_of(held)}")
    return tuple(_sub(source, one, step(place, index)) for index, one in enumerate(held))


def _sub(source: Source, raw: object, at: str) -> Sub:
    if not isinstance(raw, Mapping | bool):
        raise source.wrong(at, f"a schema is expected, this is {kind_of(raw)}")
    return Sub(raw, at)


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
