"""Every change of a payload by name, level and witness, as a request and as a response."""

# ruff: noqa: E501 - a case is a line
from __future__ import annotations

import pytest

from ccops.contract.codes import catalogue, known_ids
from ccops.contract.model import Direction, Level
from tests.unit.contract.documents import Json, api, assert_checked, bodies, obj, words

TEXT: Json = {"type": "string"}
CAT = obj("kind name", kind={"const": "cat"}, name=TEXT)
DOG = obj("kind bark", kind={"const": "dog"}, bark={"type": "boolean"})
# what changed: old, new, code without its direction, level as a request, level as a response
CASES: list[tuple[object, object, str, str, str]] = [
    ({"type": "integer"}, {"type": "boolean"}, "TYPE_CHANGED", "ERR", "ERR"),
    ({"type": "integer"}, {"type": "number"}, "TYPE_WIDENED", "INFO", "ERR"),
    ({"type": "number"}, {"type": "integer"}, "TYPE_NARROWED", "ERR", "INFO"),
    ({"type": ["string", "integer"]}, TEXT, "TYPE_NARROWED", "ERR", "INFO"),
    (TEXT, {"type": ["string", "null"]}, "BECAME_NULLABLE", "INFO", "ERR"),
    ({"type": ["string", "null"]}, TEXT, "BECAME_NOT_NULLABLE", "ERR", "INFO"),
    (TEXT, {"type": "string", "enum": ["a", "b"]}, "BECAME_ENUM", "ERR", "INFO"),
    ({"type": "string", "enum": ["a", "b"]}, TEXT, "ENUM_DROPPED", "INFO", "ERR"),
    ({"enum": ["a", "b"]}, {"enum": ["a", "b", "c"]}, "ENUM_VALUE_ADDED", "INFO", "ERR"),
    ({"enum": ["a", "b", "c"]}, {"enum": ["a", "b"]}, "ENUM_VALUE_REMOVED", "ERR", "INFO"),
    ({"const": "a"}, {"const": "b"}, "CONST_CHANGED", "ERR", "ERR"),
    (TEXT, {"const": "a"}, "CONST_ADDED", "ERR", "INFO"),
    ({"const": "a"}, TEXT, "CONST_REMOVED", "INFO", "ERR"),
    ({"type": "integer"}, {"type": "integer", "minimum": 1}, "MINIMUM_ADDED", "ERR", "INFO"),
    ({"type": "integer", "minimum": 1}, {"type": "integer"}, "MINIMUM_REMOVED", "INFO", "ERR"),
    ({"type": "integer", "minimum": 1}, {"type": "integer", "minimum": 2}, "MINIMUM_INCREASED", "ERR", "INFO"),
    ({"type": "number", "minimum": 2}, {"type": "number", "minimum": 1.5}, "MINIMUM_DECREASED", "INFO", "ERR"),
    ({"type": "number", "minimum": 1}, {"type": "number", "exclusiveMinimum": 1}, "MINIMUM_INCREASED", "ERR", "INFO"),
    ({"type": "integer"}, {"type": "integer", "maximum": 9}, "MAXIMUM_ADDED", "ERR", "INFO"),
    ({"type": "integer", "maximum": 9}, {"type": "integer"}, "MAXIMUM_REMOVED", "INFO", "ERR"),
    ({"type": "integer", "maximum": 9}, {"type": "integer", "maximum": 10}, "MAXIMUM_INCREASED", "INFO", "ERR"),
    ({"type": "number", "maximum": 9}, {"type": "number", "maximum": 8.5}, "MAXIMUM_DECREASED", "ERR", "INFO"),
    (TEXT, {"type": "string", "minLength": 2}, "MIN_LENGTH_ADDED", "ERR", "INFO"),
    ({"type": "string", "minLength": 2}, TEXT, "MIN_LENGTH_REMOVED", "INFO", "ERR"),
    ({"type": "string", "minLength": 2}, {"type": "string", "minLength": 3}, "MIN_LENGTH_INCREASED", "ERR", "INFO"),
    ({"type": "string", "minLength": 3}, {"type": "string", "minLength": 2}, "MIN_LENGTH_DECREASED", "INFO", "ERR"),
    (TEXT, {"type": "string", "maxLength": 200}, "MAX_LENGTH_ADDED", "ERR", "INFO"),
    ({"type": "string", "maxLength": 20}, TEXT, "MAX_LENGTH_REMOVED", "INFO", "ERR"),
    ({"type": "string", "maxLength": 20}, {"type": "string", "maxLength": 30}, "MAX_LENGTH_INCREASED", "INFO", "ERR"),
    ({"type": "string", "maxLength": 30}, {"type": "string", "maxLength": 20}, "MAX_LENGTH_DECREASED", "ERR", "INFO"),
    ({"type": "array"}, {"type": "array", "minItems": 1}, "MIN_ITEMS_ADDED", "ERR", "INFO"),
    ({"type": "array", "minItems": 2}, {"type": "array", "minItems": 1}, "MIN_ITEMS_DECREASED", "INFO", "ERR"),
    ({"type": "array", "minItems": 1}, {"type": "array"}, "MIN_ITEMS_REMOVED", "INFO", "ERR"),
    ({"type": "array"}, {"type": "array", "maxItems": 3}, "MAX_ITEMS_ADDED", "ERR", "INFO"),
    ({"type": "array", "maxItems": 3}, {"type": "array", "maxItems": 4}, "MAX_ITEMS_INCREASED", "INFO", "ERR"),
    ({"type": "array", "maxItems": 4}, {"type": "array", "maxItems": 3}, "MAX_ITEMS_DECREASED", "ERR", "INFO"),
    ({"type": "array", "items": TEXT}, {"type": "array", "items": TEXT, "uniqueItems": True}, "UNIQUE_ITEMS_ADDED", "ERR", "INFO"),
    ({"type": "array", "uniqueItems": True}, {"type": "array"}, "UNIQUE_ITEMS_REMOVED", "INFO", "ERR"),
    ({"type": "object"}, {"type": "object", "minProperties": 1}, "MIN_PROPERTIES_ADDED", "ERR", "INFO"),
    ({"type": "object", "maxProperties": 3}, {"type": "object", "maxProperties": 2}, "MAX_PROPERTIES_DECREASED", "ERR", "INFO"),
    ({"type": "object", "maxProperties": 3}, {"type": "object"}, "MAX_PROPERTIES_REMOVED", "INFO", "ERR"),
    ({"type": "integer"}, {"type": "integer", "multipleOf": 5}, "MULTIPLE_OF_ADDED", "ERR", "INFO"),
    ({"type": "integer", "multipleOf": 5}, {"type": "integer"}, "MULTIPLE_OF_REMOVED", "INFO", "ERR"),
    ({"type": "integer", "multipleOf": 4}, {"type": "integer", "multipleOf": 6}, "MULTIPLE_OF_CHANGED", "ERR", "ERR"),
    (TEXT, {"type": "string", "pattern": "^[a-z]+$"}, "PATTERN_ADDED", "ERR", "INFO"),
    ({"type": "string", "pattern": "^[a-z]+$"}, TEXT, "PATTERN_REMOVED", "INFO", "ERR"),
    ({"type": "string", "pattern": "^[a-z]+$"}, {"type": "string", "pattern": "^[0-9]+$"}, "PATTERN_CHANGED", "ERR", "ERR"),
    (TEXT, {"type": "string", "format": "uuid"}, "FORMAT_ADDED", "ERR", "INFO"),
    ({"type": "string", "format": "uuid"}, TEXT, "FORMAT_REMOVED", "INFO", "ERR"),
    ({"type": "string", "format": "uuid"}, {"type": "string", "format": "date"}, "FORMAT_CHANGED", "ERR", "ERR"),
    ({"type": "string", "contentEncoding": "base64"}, TEXT, "CONTENT_ENCODING_REMOVED", "WARN", "WARN"),
    (obj(a=TEXT), obj("a", a=TEXT), "PROPERTY_BECAME_REQUIRED", "ERR", "INFO"),
    (obj("a", a=TEXT), obj(a=TEXT), "PROPERTY_BECAME_OPTIONAL", "INFO", "ERR"),
    (obj(a=TEXT), obj("b", a=TEXT, b={"type": "integer"}), "REQUIRED_PROPERTY_ADDED", "ERR", "INFO"),
    (obj(a=TEXT), obj(a=TEXT, b={"type": "integer"}), "PROPERTY_ADDED", "INFO", "INFO"),
    (obj("b", a=TEXT, b={"type": "integer"}), obj(a=TEXT), "REQUIRED_PROPERTY_REMOVED", "WARN", "ERR"),
    (obj(a=TEXT, b={"type": "integer"}), obj(a=TEXT), "PROPERTY_REMOVED", "WARN", "WARN"),
    (obj("user_id", user_id=TEXT), obj("userId", userId=TEXT), "PROPERTY_RENAMED", "ERR", "ERR"),
    (obj(a=TEXT), obj(a=TEXT) | {"additionalProperties": False}, "CLOSED", "ERR", "INFO"),
    (obj(a=TEXT) | {"additionalProperties": False}, obj(a=TEXT), "OPENED", "INFO", "INFO"),
    (
        {"type": "object", "additionalProperties": TEXT}, {"type": "object", "additionalProperties": {"type": "integer"}},
        "TYPE_CHANGED", "ERR", "ERR",
    ),
    (
        {"type": "object"}, {"type": "object", "propertyNames": {"maxLength": 3}}, "PROPERTY_NAMES_ADDED", "ERR", "INFO",
    ),
    (
        {"type": "object"}, {"type": "object", "patternProperties": {"^x": {"type": "integer"}}}, "PATTERN_PROPERTY_ADDED",
        "ERR", "INFO",
    ),
    (
        obj(a=TEXT, b=TEXT), obj(a=TEXT, b=TEXT) | {"dependentRequired": {"a": ["b"]}}, "DEPENDENT_REQUIRED_ADDED", "ERR", "INFO",
    ),
    (
        obj(a=TEXT), obj(a=TEXT) | {"dependentSchemas": {"a": {"required": ["b"]}}}, "DEPENDENT_SCHEMA_ADDED", "ERR", "INFO",
    ),
    ({"type": "array"}, {"type": "array", "contains": {"const": 1}}, "CONTAINS_ADDED", "ERR", "INFO"),
    ({"type": "array", "contains": {"const": 1}}, {"type": "array"}, "CONTAINS_REMOVED", "INFO", "ERR"),
    (
        {"type": "array", "contains": {"const": 1}}, {"type": "array", "contains": {"const": 1}, "minContains": 2},
        "MIN_CONTAINS_INCREASED", "ERR", "INFO",
    ),
    (
        {"type": "array", "contains": {"const": 1}, "maxContains": 3}, {"type": "array", "contains": {"const": 1}, "maxContains": 2},
        "MAX_CONTAINS_DECREASED", "ERR", "INFO",
    ),
    ({"type": "array", "prefixItems": [TEXT]}, {"type": "array"}, "PREFIX_ITEMS_REMOVED", "INFO", "INFO"),
    ({"type": "array", "prefixItems": [TEXT]}, {"type": "array"}, "TYPE_WIDENED", "INFO", "ERR"),
    (TEXT, {"type": "string", "not": {"const": "text"}}, "NOT_ADDED", "ERR", "INFO"),
    (
        obj(a=TEXT), obj(a=TEXT) | {"if": {"required": ["a"]}, "then": {"required": ["b"]}}, "IF_ADDED", "ERR", "INFO",
    ),
    ({"anyOf": [CAT, DOG]}, {"anyOf": [CAT]}, "ANY_OF_REMOVED", "ERR", "INFO"),
    ({"oneOf": [CAT, DOG]}, {"oneOf": [CAT]}, "ONE_OF_REMOVED", "ERR", "INFO"),
    ({"oneOf": [CAT]}, {"oneOf": [CAT, DOG]}, "ONE_OF_ADDED", "INFO", "ERR"),
    (CAT, {"oneOf": [CAT, DOG]}, "ONE_OF_ADDED", "INFO", "ERR"),
    (obj(a=TEXT), obj(a=TEXT | {"deprecated": True}), "PROPERTY_DEPRECATED", "INFO", "INFO"),
    (obj(a=TEXT | {"deprecated": True}), obj(a=TEXT), "PROPERTY_REACTIVATED", "INFO", "INFO"),
    (obj(a=TEXT | {"default": "x"}), obj(a=TEXT | {"default": "y"}), "DEFAULT_CHANGED", "WARN", "INFO"),
]  # fmt: skip
_IDS = [f"{code}-{index}" for index, (_o, _n, code, _q, _s) in enumerate(CASES)]


@pytest.mark.parametrize("direction", [Direction.REQUEST, Direction.RESPONSE])
@pytest.mark.parametrize(("old", "new", "code", "asked", "answered"), CASES, ids=_IDS)
def test_a_change_has_its_name_level_and_witness(
    old: object, new: object, code: str, asked: str, answered: str, direction: Direction
) -> None:
    result = bodies(direction, old, new)
    level = asked if direction is Direction.REQUEST else answered
    wanted = f"{direction.value.upper()}_{code}"
    assert (wanted, level) in words(result), words(result)
    assert wanted in catalogue()
    for finding in result.findings:
        assert finding.alias == "" or finding.alias in known_ids()
        assert (finding.witness is not None) == (finding.level is Level.ERR)
        if finding.witness is not None:
            assert_checked(finding, api(), api(), (old, new))


# Properties differ on purpose: clients skip what they don't know, services may ignore it.
_MIRRORED = [
    (old, new) for old, new, code, *_ in CASES if "PROPERTY" not in code and code not in {"CLOSED", "OPENED"}
]


@pytest.mark.parametrize("direction", [Direction.REQUEST, Direction.RESPONSE])
@pytest.mark.parametrize(("old", "new"), _MIRRORED)
def test_what_breaks_a_request_one_way_breaks_a_response_the_other_way(
    old: object, new: object, direction: Direction
) -> None:
    """Polarity: a request that breaks from A to B is a response that breaks from B to A."""
    mirrored = Direction.RESPONSE if direction is Direction.REQUEST else Direction.REQUEST
    there = {one.level for one in bodies(direction, old, new).findings}
    back = {one.level for one in bodies(mirrored, new, old).findings}
    assert (Level.ERR in there) == (Level.ERR in back)


def test_more_than_sixty_codes_are_seen_in_each_direction() -> None:
    for direction, column in ((Direction.REQUEST, 3), (Direction.RESPONSE, 4)):
        seen = {case[2] for case in CASES}
        assert len(seen) >= 60, len(seen)
        assert {case[column] for case in CASES} == {"ERR", "WARN", "INFO"}
        assert all(f"{direction.value.upper()}_{code}" in catalogue() for code in seen)


def test_every_code_explains_itself() -> None:
    for code, entry in catalogue().items():
        assert code.isupper()
        assert "What to do: " in entry.explanation
        assert len(entry.explanation) > 30
        assert entry.alias == "" or entry.alias in known_ids()
