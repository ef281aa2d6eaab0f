"""Pairs that say the same and must not be findings: every one of these is somebody's false alarm."""

# ruff: noqa: E501 - a case is a line
from __future__ import annotations

import pytest

from ccops.contract.model import Direction, Level
from tests.unit.contract.documents import Json, api, bodies, compared, obj

TEXT: Json = {"type": "string"}
INT: Json = {"type": "integer"}
CAT = obj("kind", kind={"const": "cat"}, name=TEXT)
DOG = obj("kind", kind={"const": "dog"}, bark={"type": "boolean"})
REF: Json = {"$ref": "#/components/schemas/Thing"}
SAME: list[tuple[object, object]] = [
    (TEXT, {"type": ["string"]}),
    ({"type": ["string", "null"]}, {"type": ["null", "string"]}),
    ({"type": ["string", "null"]}, {"anyOf": [TEXT, {"type": "null"}]}),
    ({"type": ["string", "null"]}, {"oneOf": [{"type": "null"}, TEXT]}),
    ({"anyOf": [TEXT, INT]}, {"type": ["integer", "string"]}),
    ({"anyOf": [TEXT, INT]}, {"oneOf": [INT, TEXT]}),
    ({"anyOf": [{"type": "string", "maxLength": 5}, {"type": "integer", "minimum": 0}]},
     {"type": ["string", "integer"], "maxLength": 5, "minimum": 0}),
    ({"const": "a"}, {"enum": ["a"]}),
    ({"const": "a"}, {"type": "string", "enum": ["a"]}),
    ({"enum": ["a", "b"]}, {"enum": ["b", "a"]}),
    ({"enum": ["a", "b"]}, {"enum": ["a", "b", "a"]}),
    ({"enum": ["a", "b"]}, {"oneOf": [{"const": "a"}, {"const": "b"}]}),
    ({"enum": ["a", "b"]}, {"anyOf": [{"const": "a", "title": "A"}, {"const": "b", "title": "B"}]}),
    ({"enum": ["a", None]}, {"anyOf": [{"const": "a"}, {"type": "null"}]}),
    ({"enum": [1, 2]}, {"type": "integer", "enum": [1.0, 2.0]}),
    ({"type": "boolean"}, {"type": "boolean", "enum": [True, False]}),
    ({"anyOf": [CAT, DOG]}, {"anyOf": [DOG, CAT]}),
    ({"oneOf": [CAT, DOG]}, {"oneOf": [DOG, CAT]}),
    ({"anyOf": [CAT, {"anyOf": [DOG, INT]}]}, {"anyOf": [CAT, DOG, INT]}),
    ({"anyOf": [CAT, CAT]}, CAT),
    ({"anyOf": [CAT]}, CAT),
    ({"allOf": [CAT]}, CAT),
    ({"allOf": [obj(a=TEXT), obj("b", b=INT)]}, obj("b", a=TEXT, b=INT)),
    ({"allOf": [obj(a=TEXT), {"required": ["a"]}]}, obj("a", a=TEXT)),
    ({"allOf": [{"type": "integer", "minimum": 1}, {"minimum": 3}]}, {"type": "integer", "minimum": 3}),
    ({"allOf": [INT, {"type": "number"}]}, INT),
    ({"allOf": [obj(a=TEXT)], "unevaluatedProperties": False}, obj(a=TEXT) | {"additionalProperties": False}),
    (obj(a=TEXT), obj(a=TEXT) | {"additionalProperties": True}),
    (obj(a=TEXT), obj(a=TEXT) | {"additionalProperties": {}}),
    (obj(a=TEXT), obj(a=TEXT) | {"required": []}),
    (obj(a=TEXT), obj(a=TEXT) | {"minProperties": 0}),
    (obj("a b", a=TEXT, b=INT), obj("b a", b=INT, a=TEXT)),
    (obj(a=TEXT), obj(a=TEXT | {"description": "words", "title": "A", "examples": ["x"], "example": "y"})),
    (obj(a=TEXT), obj(a=TEXT | {"x-anything": 1, "externalDocs": {"url": "https://example.com"}})),
    ({"type": "array", "items": TEXT}, {"type": "array", "items": TEXT, "minItems": 0, "uniqueItems": False}),
    ({"type": "array"}, {"type": "array", "items": {}}),
    ({"type": "array"}, {"type": "array", "items": True}),
    ({"type": "integer", "exclusiveMinimum": 0}, {"type": "integer", "minimum": 1}),
    ({"type": "integer", "maximum": 9.5}, {"type": "integer", "maximum": 9}),
    (INT, {"type": "integer", "multipleOf": 1}),
    (INT, {"type": "integer", "format": "int64"}),
    ({"type": "number"}, {"type": "number", "format": "double"}),
    (TEXT, {"type": "string", "minLength": 0}),
    (TEXT, {"type": "string", "pattern": ".*"}),
    (TEXT, {"type": "string", "minimum": 3}),
    (INT, {"type": "integer", "maxLength": 3}),
    ({"type": ["string", "integer"]}, {"type": ["integer", "string"]}),
    ({"type": ["integer", "number"]}, {"type": "number"}),
    ({"type": "object", "dependentRequired": {}}, {"type": "object"}),
    ({"type": "object", "patternProperties": {}}, {"type": "object"}),
    ({"anyOf": [False, TEXT]}, TEXT),
    ({}, True),
    ({"not": {"const": 1}, "type": "integer"}, {"type": "integer", "not": {"const": 1}}),
]  # fmt: skip


@pytest.mark.parametrize("direction", [Direction.REQUEST, Direction.RESPONSE])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("old", "new"), SAME)
def test_two_spellings_of_the_same_are_silent(
    old: object, new: object, turned: bool, direction: Direction
) -> None:
    pair = (new, old) if turned else (old, new)
    result = bodies(direction, *pair)
    assert [one.message for one in result.findings] == []
    assert result.exit_code == 0


V30: list[tuple[object, object]] = [
    (TEXT | {"nullable": True}, {"type": ["string", "null"]}),
    (TEXT | {"nullable": True}, {"anyOf": [TEXT, {"type": "null"}]}),
    ({"type": "string", "enum": ["a"], "nullable": True}, {"enum": ["a", None]}),
    ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, {"type": "integer", "exclusiveMinimum": 1}),
    ({"type": "number", "maximum": 1, "exclusiveMaximum": True}, {"type": "number", "exclusiveMaximum": 1}),
    ({"type": "number", "maximum": 1, "exclusiveMaximum": False}, {"type": "number", "maximum": 1}),
    ({"allOf": [CAT], "nullable": True}, {"anyOf": [CAT, {"type": "null"}]}),
    ({"oneOf": [CAT, DOG], "nullable": True}, {"oneOf": [CAT, DOG, {"type": "null"}]}),
    (obj(a=TEXT | {"nullable": True}), obj(a={"type": ["string", "null"]})),
    (obj(kind={"type": "string", "enum": ["cat"]}), obj(kind={"const": "cat"})),
]  # fmt: skip


@pytest.mark.parametrize("direction", ["request", "response"])
@pytest.mark.parametrize(("old", "new"), V30)
def test_openapi_3_0_and_3_1_say_the_same_in_their_own_words(
    old: object, new: object, direction: str
) -> None:
    before, after = api(**{direction: old}, version="3.0.3"), api(**{direction: new})  # type: ignore[arg-type]
    assert compared(before, after).findings == ()
    assert compared(after, before).findings == ()


def _parameter(schema: Json, **more: object) -> list[object]:
    return [{"name": "page", "in": "query", "schema": schema, **more}]


_ANSWER: Json = {"description": "x", "content": {"application/json": {"schema": TEXT}}}
NARROWER: list[tuple[Json, Json]] = [
    ({"200": {"description": "x", "content": {"*/*": {"schema": TEXT}}}}, {"200": _ANSWER}),
    ({"2XX": _ANSWER}, {"200": _ANSWER}),
    ({"2XX": _ANSWER}, {"200": _ANSWER, "201": _ANSWER}),
]


@pytest.mark.parametrize(("old", "new"), NARROWER)
def test_an_answer_out_of_the_range_that_was_promised_is_silent(old: Json, new: Json) -> None:
    assert compared(api(operation={"responses": old}), api(operation={"responses": new})).findings == ()
    back = compared(api(operation={"responses": new}), api(operation={"responses": old})).findings
    assert back
    assert all(one.level is Level.INFO for one in back)


DOCUMENTS: list[tuple[Json, Json]] = [
    (api(parameters=_parameter(INT)), api(parameters=_parameter(INT, description="which"))),
    (api(parameters=_parameter(INT)), api(parameters=_parameter(INT, style="form", explode=True))),
    (api(parameters=_parameter(INT, explode=False)), api(parameters=_parameter(INT))),
    (api(parameters=_parameter({"enum": [1, 2]})), api(parameters=_parameter({"enum": ["1", "2"]}))),
    (
        api(parameters=[{"name": "X-Trace", "in": "header", "schema": TEXT}]),
        api(parameters=[{"name": "x-trace", "in": "header", "schema": TEXT}]),
    ),
    (api(), api(parameters=[{"name": "Authorization", "in": "header", "schema": TEXT, "required": True}])),
    (api(operation={"tags": ["a"]}), api(operation={"tags": ["b"], "summary": "words"})),
    (api(TEXT), api(TEXT, info={"title": "other", "version": "9"})),
    (api(TEXT), api(TEXT, servers=[{"url": "https://example.com"}])),
    (api(TEXT, servers=[{"url": "https://a.example/v1"}]), api(TEXT, servers=[{"url": "https://b.example/v1/"}])),
    (api(REF, schemas={"Thing": CAT}), api(CAT)),
    (api(REF, schemas={"Thing": CAT}), api({"$ref": "#/components/schemas/Cat"}, schemas={"Cat": CAT})),
    (
        api(REF, schemas={"Thing": CAT}),
        api({"$ref": "#/components/schemas/A"}, schemas={"A": {"$ref": "#/components/schemas/B"}, "B": CAT}),
    ),
    (
        api(operation={"security": [{"a": []}]}, components={"securitySchemes": {"a": {"type": "http", "scheme": "bearer"}}}),
        api(operation={"security": [{"b": []}]}, components={"securitySchemes": {"b": {"type": "http", "scheme": "bearer"}}}),
    ),
    (api(operation={"security": []}), api(operation={"security": [{}]})),
    (
        api(operation={"requestBody": {"content": {"application/json": {"schema": TEXT}}}}),
        api(operation={"requestBody": {"content": {"application/json; charset=utf-8": {"schema": TEXT}}}}),
    ),
    (
        api(operation={"responses": {"200": {"description": "a"}, "404": {"description": "b"}}}),
        api(operation={"responses": {"404": {"description": "c"}, "200": {"description": "d"}}}),
    ),
    (
        api(obj(a=TEXT, gone=TEXT | {"readOnly": True})),
        api(obj(a=TEXT)),
    ),
]  # fmt: skip


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("old", "new"), DOCUMENTS)
def test_documents_that_promise_the_same_are_silent(old: Json, new: Json, turned: bool) -> None:
    if turned:
        old, new = new, old
    assert [one.message for one in compared(old, new).findings] == []


def test_there_are_more_than_forty_silent_pairs() -> None:
    assert len(SAME) + len(V30) + len(DOCUMENTS) >= 60
