"""One spelling for what says the same."""

# ruff: noqa: E501 - a case is a line
from __future__ import annotations

import pytest

from ccops.contract.load import document
from ccops.contract.model import Direction
from ccops.contract.normalise import ALL_TYPES, Schema, Source, Sub, Union, frozen, has_type, type_of
from tests.unit.contract.documents import Json, api, obj

TEXT: Json = {"type": "string"}


def _schema(raw: object, direction: Direction = Direction.REQUEST, **schemas: object) -> Schema:
    source = Source(document(api(schemas=schemas)), direction)  # type: ignore[arg-type]
    return source.schema(Sub(raw, "/x"))


def test_equal_json_is_equal_whatever_its_spelling() -> None:
    assert frozen({"a": 1, "b": [1.0]}) == frozen({"b": [1], "a": 1.0})
    assert len({frozen(one) for one in (1, True, "1", "true", None, [], {}, 0, False)}) == 9


@pytest.mark.parametrize(
    ("value", "kind"),
    [(None, "null"), (True, "boolean"), (1, "integer"), (1.0, "integer"), (1.5, "number"), ("a", "string"), ([], "array"), ({}, "object")],
)  # fmt: skip
def test_a_value_has_one_type(value: object, kind: str) -> None:
    assert type_of(value) == kind
    assert has_type(value, ALL_TYPES | {"integer"})


@pytest.mark.parametrize(
    ("raw", "types"),
    [
        ({}, ALL_TYPES),
        (True, ALL_TYPES),
        (False, frozenset()),
        ({"type": ["number", "integer"]}, {"number"}),
        ({"enum": ["a", 1, None]}, {"string", "integer", "null"}),
        ({"type": "string", "enum": ["a", 1]}, {"string"}),
        ({"const": None}, {"null"}),
        ({"type": "string", "nullable": True}, {"string", "null"}),
        ({"anyOf": [TEXT, {"type": "null"}]}, {"string", "null"}),
        ({"allOf": [{"type": "number"}, {"type": ["integer", "string"]}]}, {"integer"}),
        ({"allOf": [TEXT, {"type": "integer"}]}, frozenset()),
    ],
)
def test_types_are_what_values_can_be(raw: object, types: frozenset[str]) -> None:
    assert _schema(raw).types == types


def test_keywords_of_other_types_say_nothing() -> None:
    assert _schema(
        {"type": "string", "minimum": 3, "required": ["a"], "items": TEXT, "maxLength": 3}
    ).keys == {"maxLength": 3}


def test_parts_are_merged_only_where_that_is_exact() -> None:
    merged = _schema(
        {"allOf": [obj("a", a=TEXT), obj("b", b=TEXT) | {"maxProperties": 3}], "maxProperties": 5}
    )
    assert merged.extras == ()
    assert merged.keys["required"] == {"a", "b"}
    assert merged.keys["maxProperties"] == 3
    apart = _schema({"allOf": [{"not": TEXT}, {"not": {"type": "null"}}]})
    assert len(apart.extras) == 1
    patterns = {"type": "object", "patternProperties": {"^x": TEXT}}
    assert _schema({"allOf": [patterns, obj(a=TEXT) | {"additionalProperties": False}]}).extras


def test_what_one_part_closes_another_part_does_not_open() -> None:
    closed = _schema({"allOf": [obj(a=TEXT) | {"additionalProperties": {"maxLength": 3}}, obj(b=TEXT)]})
    properties = closed.keys["properties"]
    assert isinstance(properties, dict)
    assert properties["b"].raw == {"allOf": [{"maxLength": 3}, TEXT]}


def test_a_union_is_folded_when_it_is_none() -> None:
    for raw in (
        {"anyOf": [TEXT, {"type": "integer", "minimum": 1}]},
        {"oneOf": [{"const": "a"}, {"const": "b"}]},
        {"anyOf": [{"anyOf": [TEXT]}, False]},
    ):
        assert "union" not in _schema(raw).keys
    union = _schema({"anyOf": [obj("a"), obj("b"), {"type": ["string", "integer"]}]}).keys["union"]
    assert isinstance(union, Union)
    assert len(union.branches) == 4
    overlapping = _schema({"oneOf": [{"enum": ["a", "b"]}, {"enum": ["b"]}]}).keys
    assert "union" in overlapping


def test_a_property_belongs_to_its_direction() -> None:
    raw = obj("id secret", id=TEXT | {"readOnly": True}, secret={"$ref": "#/components/schemas/Secret"})
    secret = TEXT | {"writeOnly": True}
    asked, answered = (_schema(raw, one, Secret=secret) for one in (Direction.REQUEST, Direction.RESPONSE))
    assert (asked.keys["required"], answered.keys["required"]) == ({"secret"}, {"id"})


def test_pointers_lead_to_the_object_that_holds_the_keyword() -> None:
    source = Source(document(api(schemas={"A": {"allOf": [TEXT, {"maxLength": 3}]}})), Direction.REQUEST)
    schema = source.schema(Sub({"$ref": "#/components/schemas/A"}, "/x"))
    assert schema.where("maxLength") == "/components/schemas/A/allOf/1"
    assert (schema.at, schema.name) == ("/components/schemas/A", "A")


def test_beside_a_reference_openapi_3_0_reads_nothing() -> None:
    raw = {"$ref": "#/components/schemas/A", "maxLength": 3}
    for version, wanted in (("3.0.3", {}), ("3.1.0", {"maxLength": 3})):
        source = Source(document(api(version=version, schemas={"A": TEXT})), Direction.REQUEST)
        assert source.schema(Sub(raw, "/x")).keys == wanted


def test_a_reference_with_escapes_is_followed() -> None:
    source = Source(document(api(schemas={"a/b~c d": TEXT})), Direction.REQUEST)
    assert source.schema(Sub({"$ref": "#/components/schemas/a~1b~0c%20d"}, "/x")).types == {"string"}
