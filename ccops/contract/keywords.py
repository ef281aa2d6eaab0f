"""What normalising does with single keywords: read them, join them, drop what says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ccops.contract.load import kind_of, step
from ccops.contract.model import Direction
from ccops.contract.normalise import (
    ALL_TYPES,
    COUNTS,
    Schema,
    Sub,
    Union,
    frozen,
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
