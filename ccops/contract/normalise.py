"""One spelling for schemas that say the same: OpenAPI 3.0 and 3.1, references, null, const, unions, allOf.

A `Schema` is one level deep: its sub-schemas stay raw (`Sub`) and are normalised when somebody looks. What is
proved rests on this module; what is refuted rests on jsonschema over the raw document (oracle.py).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from urllib.parse import unquote

from ccops.contract.load import Document, bad, kind_of, step
from ccops.contract.model import Direction

ALL_TYPES = frozenset({"null", "boolean", "number", "string", "array", "object"})
NUMBERS = frozenset({"integer", "number"})
MAX_LINKS = 200
# Keywords that bind only one type; a union of branches of different types can be folded by them.
STRING_KEYS = ("minLength", "maxLength", "patterns", "contentEncoding", "contentMediaType", "contentSchema")
NUMBER_KEYS = ("low", "high", "multipleOf")
ARRAY_KEYS = (
    "items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains",
    "unevaluatedItems",
)  # fmt: skip
OBJECT_KEYS = (
    "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties",
    "maxProperties", "dependentRequired", "dependentSchemas", "unevaluatedProperties", "hidden",
)  # fmt: skip
ANY_TYPE_KEYS = ("enum", "format", "not", "if", "then", "else", "union", "dynamic")
COUNTS = (
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minContains",
    "maxContains",
)


class Sub(NamedTuple):
    """A raw sub-schema and where it stands."""

    raw: object
    at: str


class Union(NamedTuple):
    """The alternatives of a schema. `exact`: one and only one may hold (oneOf)."""

    branches: tuple[Sub, ...]
    exact: bool
    at: str
    keyword: str


@dataclass(slots=True, eq=False)
class Schema:
    """One level of a schema, in one spelling. `keys` holds only keywords that matter for `types`."""

    raw: object
    at: str
    types: frozenset[str] = ALL_TYPES
    keys: dict[str, object] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)  # keyword -> the object that holds it
    extras: tuple[Sub, ...] = ()  # allOf members that could not be merged exactly
    name: str = ""  # last step of the reference it came by

    def where(self, key: str) -> str:
        """Return the pointer of the object that holds `key`."""
        return self.places.get(key, self.at)

    @property
    def plain(self) -> bool:
        """Return whether no keyword looks at more than one type."""
        return not self.extras and not any(key in self.keys for key in ANY_TYPE_KEYS)


def frozen(value: object) -> str:
    """Return a text that equal JSON values share: 1 and 1.0 do, 1 and true don't, key order is nothing."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(key)}:{frozen(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(frozen, value)) + "]"
    return json.dumps(value)


def type_of(value: object) -> str:
    """Return the JSON Schema type of a value, "integer" for whole numbers."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return "integer"
    return {float: "number", str: "string", list: "array", tuple: "array"}.get(type(value), "object")


def has_type(value: object, types: Iterable[str]) -> bool:
    """Return whether a value has one of `types`."""
    kind = type_of(value)
    return kind in types or (kind == "integer" and "number" in types)


class Source:
    """One document, read in one direction: finds references, normalises schemas, remembers both."""

    def __init__(self, document: Document, direction: Direction) -> None:
        self.document, self.direction = document, direction
        self._targets: dict[str, tuple[object, str]] = {}
        self._schemas: dict[int, Schema] = {}
        self._kept: list[object] = []  # synthetic schemas, alive so that their id stays theirs
        self._origin: dict[int, str] = {}
        self._depth = 0
        self._booleans = (Schema(False, "", frozenset()), Schema(True, ""))

    def target(self, reference: object, at: str) -> tuple[object, str]:
        """Return what a `$ref` means, and its pointer. Raises UsageError for one that leads nowhere."""
        if not isinstance(reference, str):
            raise self.wrong(at, f"$ref is {kind_of(reference)}")
        known = self._targets.get(reference)
        if known is None:
            known = self._targets[reference] = self._find(reference, at)
        return known

    def keep(self, raw: object, at: str) -> object:
        """Keep a schema that was made here alive, so that its id stays its own, and remember its place."""
        self._kept.append(raw)
        self._origin[id(raw)] = at
        return raw

    def hides(self, sub: Sub) -> bool:
        """Return whether a property belongs to the other direction only (readOnly, writeOnly)."""
        mark = "readOnly" if self.direction is Direction.REQUEST else "writeOnly"
        raw = sub.raw
        for _ in range(MAX_LINKS):
            if not isinstance(raw, Mapping):
                return False
            if raw.get(mark) is True:
                return True
            if "$ref" not in raw:
                return False
            raw, _at = self.target(raw["$ref"], sub.at)
        return False

    def follow(self, node: object, at: str) -> tuple[object, str]:
        """Return `node`, or what its chain of references ends in."""
        for _ in range(MAX_LINKS):
            if not (isinstance(node, Mapping) and "$ref" in node):
                return node, at
            node, at = self.target(node["$ref"], at)
        raise bad("CONTRACT_REF", self.document.name, at, "a chain of references that has no end")

    def mapping(self, node: object, at: str) -> Mapping[str, object]:
        """Return `node` as an object, references followed. Raises UsageError with the pointer."""
        node, at = self.follow(node, at)
        if not isinstance(node, Mapping):
            raise self.wrong(at, f"an object is expected, this is {kind_of(node)}")
        return node

    def wrong(self, at: str, what: str) -> Exception:
        """Return the error for a document that is not shaped as its own standard says."""
        return bad("CONTRACT_SHAPE", self.document.name, at, what)

    def too_deep(self, at: str) -> Exception:
        """Return the error for schemas that refer to each other further than anybody reads."""
        return bad("CONTRACT_TOO_DEEP", self.document.name, at, "schemas nest through references too deep")

    def schema(self, sub: Sub) -> Schema:
        """Return the normal form of a schema, one level."""
        if isinstance(sub.raw, bool):
            return self._booleans[sub.raw]
        if isinstance(sub.raw, Mapping) and "$ref" in sub.raw and self._only_ref(sub.raw):
            sub = Sub(*self.follow(sub.raw, sub.at))
            if isinstance(sub.raw, bool):
                return self.schema(sub)
        key = id(sub.raw)
        known = self._schemas.get(key)
        if known is None:
            self._depth += 1
            try:
                if self._depth > 60:
                    raise bad(
                        "CONTRACT_TOO_DEEP", self.document.name, sub.at, "allOf and anyOf nest too deep"
                    )
                known = self._normalise(Sub(sub.raw, self._origin.get(key, sub.at)))
            finally:
                self._depth -= 1
            self._schemas[key] = known
        return known

    def both(self, subs: tuple[Sub, ...]) -> Sub:
        """Return the schema that all of `subs` together are."""
        if len(subs) == 1:
            return subs[0]
        for one in subs:
            if isinstance(one.raw, Mapping):
                self._origin.setdefault(id(one.raw), one.at)
        return Sub(self.keep({"allOf": [one.raw for one in subs]}, subs[0].at), subs[0].at)

    def _only_ref(self, raw: Mapping[str, object]) -> bool:
        """Return whether only the reference counts: beside one, 3.0 gives other keywords no meaning."""
        if self.document.version == (3, 0) and self.document.kind == "openapi":
            return True
        from ccops.contract.keywords import ASSERTIONS

        return not (ASSERTIONS & raw.keys()) - {"$ref"} and "nullable" not in raw

    def _find(self, reference: str, at: str) -> tuple[object, str]:
        path = unquote(reference[1:])
        if not reference.startswith("#") or (path and not path.startswith("/")):
            raise bad(
                "CONTRACT_REF",
                self.document.name,
                at,
                f"a reference of this kind is not followed: {reference:.120}",
            )
        node: object = self.document.data
        for part in path.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(node, Mapping) and key in node:
                node = node[key]
            elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
                node = node[int(key)]
            else:
                raise bad(
                    "CONTRACT_REF", self.document.name, at, f"refers to {reference:.120}, which is not there"
                )
        return node, path

    def _normalise(self, sub: Sub) -> Schema:
        raw, at = sub
        if not isinstance(raw, Mapping):
            raise self.wrong(at, f"a schema is expected, this is {kind_of(raw)}")
        from ccops.contract import joining, keywords, unions

        parts: list[Schema] = []
        if "$ref" in raw:
            parts.append(self.schema(Sub(*self.target(raw["$ref"], at))))
        parts += self._members(raw, at)
        parts.insert(0, keywords.own(self, raw, at))
        merged = parts[0]
        for part in parts[1:]:
            merged = joining.merge(self, merged, part)
        named = at.rsplit("/", 1)[-1] if at.count("/") == 3 and at.startswith("/components/") else ""
        result = replace(merged, raw=raw, at=at, keys=dict(merged.keys), name=named or merged.name)
        joining.close(self, result)
        result = unions.fold(self, result)
        return unions.nullable(self, result) if raw.get("nullable") is True else result

    def _members(self, raw: Mapping[str, object], at: str) -> list[Schema]:
        members = raw.get("allOf")
        if members is None:
            return []
        if not isinstance(members, list):
            raise self.wrong(step(at, "allOf"), f"an array is expected, this is {kind_of(members)}")
        return [self.schema(Sub(one, step(step(at, "allOf"), index))) for index, one in enumerate(members)]


def whole(value: float, *, up: bool) -> int:
    """Return the nearest integer at or beyond `value`."""
    return math.ceil(value) if up else math.floor(value)
