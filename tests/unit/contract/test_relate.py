"""The relation itself: which sets lie in which."""

# ruff: noqa: E501 - a pair is a line
from __future__ import annotations

import time

import pytest

from ccops.contract.changes import json_path
from ccops.contract.distinct import disjoint
from ccops.contract.load import document
from ccops.contract.model import Direction, Level
from ccops.contract.normalise import Source, Sub
from ccops.contract.relate import Relation
from tests.unit.contract.documents import Json, api, assert_checked, bodies, compared, obj

TEXT: Json = {"type": "string"}
INT: Json = {"type": "integer"}


def _relation(direction: Direction = Direction.REQUEST) -> Relation:
    return Relation(Source(document(api()), direction), Source(document(api()), direction), direction)


def _holds(sub: object, sup: object) -> bool:
    return _relation().holds(Sub(sub, "/old"), Sub(sup, "/new"))


INSIDE: list[tuple[object, object]] = [
    (INT, {"type": "number"}),
    (INT, {}),
    (False, INT),
    ({"enum": ["a"]}, {"type": "string", "minLength": 1, "pattern": "^a"}),
    ({"enum": [1, 2]}, {"type": "integer", "maximum": 2}),
    ({"type": "integer", "multipleOf": 6}, {"type": "integer", "multipleOf": 3}),
    ({"type": "integer", "exclusiveMinimum": 3}, {"type": "number", "minimum": 4}),
    ({"type": "integer", "minimum": 0, "maximum": 9}, {"type": "integer", "format": "int32"}),
    ({"type": "array", "prefixItems": [INT, TEXT]}, {"type": "array", "prefixItems": [{"type": "number"}]}),
    ({"type": "array", "contains": {"const": 1}, "minContains": 3}, {"type": "array", "contains": INT}),
    (obj("a b", a=INT, b=TEXT), obj("a", a={"type": "number"})),
    (obj("a", a=INT) | {"additionalProperties": False}, {"type": "object", "propertyNames": {}}),
    ({"type": "object", "additionalProperties": INT}, {"type": "object", "additionalProperties": {"type": "number"}}),
    (obj("a b", a=INT, b=INT), obj("a", a=INT, b=INT) | {"dependentRequired": {"a": ["b"]}}),
    ({"anyOf": [INT, TEXT]}, {"anyOf": [TEXT, {"type": "number"}, {"type": "null"}]}),
    (INT, {"anyOf": [TEXT, obj("a"), {"type": "number"}]}),
    ({"oneOf": [obj("k", k={"const": 1}), obj("k", k={"const": 2})]}, {"oneOf": [obj("k", k={"const": i}) for i in (2, 3, 1)]}),
    ({"allOf": [TEXT, {"not": {"const": "x"}}], "maxLength": 3}, {"not": {"const": "x"}}),
]  # fmt: skip
OUTSIDE: list[tuple[object, object]] = [
    ({"type": "number"}, INT),
    ({}, INT),
    (INT, {"type": "integer", "format": "int32"}),
    ({"enum": ["a", "b"]}, {"type": "string", "pattern": "^a"}),
    ({"type": "integer", "multipleOf": 3}, {"type": "integer", "multipleOf": 6}),
    ({"type": "number", "minimum": 4}, {"type": "number", "exclusiveMinimum": 4}),
    ({"anyOf": [INT, TEXT, {"type": "null"}]}, {"anyOf": [INT, TEXT]}),
    (obj("k", k=INT), {"oneOf": [obj("k", k=INT), obj(k=INT)]}),
    (obj(a=INT), obj(a=INT) | {"additionalProperties": False}),
    ({"type": "object"}, {"type": "object", "additionalProperties": INT}),
    ({"not": {"const": "x"}}, {"not": {"type": "string"}}),
]  # fmt: skip


@pytest.mark.parametrize(("sub", "sup"), INSIDE)
def test_a_set_inside_another_is_proved(sub: object, sup: object) -> None:
    assert _holds(sub, sup)


@pytest.mark.parametrize(("sub", "sup"), OUTSIDE)
def test_a_set_not_inside_is_never_proved(sub: object, sup: object) -> None:
    assert not _holds(sub, sup)


@pytest.mark.parametrize(
    ("one", "two", "apart"),
    [
        (INT, TEXT, True),
        (INT, {"type": "number"}, False),
        ({"enum": ["a"]}, {"enum": ["b"]}, True),
        ({"enum": ["a"]}, TEXT, False),
        (obj("k", k={"const": 1}), obj("k", k={"const": 2}), True),
        (obj(k={"const": 1}), obj(k={"const": 2}), False),
        (obj("k", k={"const": 1}), obj(k={"const": 2}), True),
        (obj("a", a=INT) | {"additionalProperties": False}, obj("b", b=INT), True),
        (obj("x", x=obj("k", k={"const": 1})), obj("x", x=obj("k", k={"const": 2})), True),
        (obj("a", a=INT), obj("b", b=INT), False),
    ],
)
def test_two_sets_are_apart_only_when_that_is_certain(one: object, two: object, apart: bool) -> None:
    left, right = (Source(document(api()), Direction.REQUEST) for _ in range(2))
    for first, second in ((one, two), (two, one)):
        pair = left.schema(Sub(first, "")), right.schema(Sub(second, ""))
        assert disjoint(left, pair[0], right, pair[1]) is apart


def test_a_pair_of_schemas_is_compared_once_however_often_it_is_used() -> None:
    def whole(leaf: Json) -> Json:
        refs = {f"p{index}": {"$ref": "#/components/schemas/Leaf"} for index in range(50)}
        return api(schemas={"Leaf": leaf, "Root": obj(**refs)})

    documents = [Source(document(whole(obj(a=leaf))), Direction.REQUEST) for leaf in (INT, TEXT)]
    relation = Relation(documents[0], documents[1], Direction.REQUEST)
    ref = {"$ref": "#/components/schemas/Root"}
    changes = relation.changes(Sub(ref, "/o"), Sub(dict(ref), "/n"))
    assert [(json_path(path), core.kind) for path, core in changes] == [("$.p0.a", "type")]
    assert relation.pairs == 3


def test_same_text_behind_another_name_is_the_same() -> None:
    old = Source(
        document(api(schemas={"A": obj(b={"$ref": "#/components/schemas/B"}), "B": TEXT})), Direction.REQUEST
    )
    new = Source(
        document(api(schemas={"X": obj(b={"$ref": "#/components/schemas/Y"}), "Y": TEXT})), Direction.REQUEST
    )
    relation = Relation(old, new, Direction.REQUEST)
    assert relation.same({"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/X"})
    assert not relation.same({"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/Y"})
    assert not relation.same(1, True)


def test_a_cycle_that_breaks_further_down_is_not_called_clean() -> None:
    def whole(leaf: Json) -> Json:
        loop = {"$ref": "#/components/schemas/A"}
        return api(schemas={"A": obj(b={"$ref": "#/components/schemas/B"}, leaf=leaf), "B": obj(a=loop)})

    sources = [Source(document(whole(leaf)), Direction.REQUEST) for leaf in (INT, TEXT)]
    relation = Relation(sources[0], sources[1], Direction.REQUEST)
    for name in ("B", "A", "B"):
        ref = f"#/components/schemas/{name}"
        assert not relation.same({"$ref": ref}, {"$ref": ref})


def test_many_alternatives_are_left_undecided_rather_than_compared_all() -> None:
    many = {"anyOf": [obj("k", k={"const": index}) for index in range(100)]}
    other = {"anyOf": [obj("k", k={"const": -index}) for index in range(1, 100)]}
    started = time.process_time()
    changes = _relation().changes(Sub(many, "/o"), Sub(other, "/n"))
    assert time.process_time() - started < 2
    assert [core.reason for _path, core in changes] == ["100 x 99 alternatives are too many to compare"]


@pytest.mark.parametrize("free", [{"type": "object"}, {"type": "object", "additionalProperties": True}])
def test_a_free_map_may_hold_what_a_new_property_refuses(free: Json) -> None:
    whole = obj(level={"type": "integer"})
    broken = [one for one in bodies(Direction.REQUEST, free, whole).findings if one.level is Level.ERR]
    assert [(one.code, one.path) for one in broken] == [("REQUEST_TYPE_NARROWED", "$.level")]
    assert_checked(broken[0], api(), api(), (free, whole))


def test_a_map_that_is_sent_may_hold_what_the_declared_property_never_was() -> None:
    whole, texts = obj(level=INT), {"type": "object", "additionalProperties": TEXT}
    broken = [one for one in bodies(Direction.RESPONSE, whole, texts).findings if one.level is Level.ERR]
    assert [one.path for one in broken] == ["$.level"]
    assert_checked(broken[0], api(), api(), (whole, texts))
    # Inside an alternative as well: nothing is proved by a declaration that was dropped.
    result = bodies(Direction.RESPONSE, {"anyOf": [whole, TEXT]}, {"anyOf": [{"type": "object"}, TEXT]})
    assert result.count(Level.ERR) + result.count(Level.WARN) > 0


def test_a_pattern_also_binds_properties_that_are_declared() -> None:
    bound = obj(a=TEXT) | {"patternProperties": {"^a": {"maxLength": 3}}}
    (finding,) = bodies(Direction.RESPONSE, bound, obj(a=TEXT)).findings
    assert_checked(finding, api(), api(), (bound, obj(a=TEXT)))
    unbound = obj(b=TEXT) | {"patternProperties": {"^a": {"maxLength": 3}}}
    assert [one.level for one in bodies(Direction.RESPONSE, unbound, obj(b=TEXT)).findings] == [Level.INFO]


def test_what_stands_beside_a_reference_counts_from_3_1_on() -> None:
    narrowed = {"$ref": "#/components/schemas/X", "maxLength": 3}
    whole: Json = {"type": "object", "additionalProperties": narrowed}
    old, new = (api(whole, schemas={"X": TEXT}, version=version) for version in ("3.0.3", "3.1.0"))
    assert [(one.code, one.level) for one in compared(old, new).findings] == [
        ("REQUEST_MAX_LENGTH_ADDED", Level.ERR)
    ]
    assert compared(old, old).findings == ()


@pytest.mark.parametrize("rest", [False, {"type": "number", "minimum": 2}])
def test_a_name_that_is_required_and_not_declared_is_sent(rest: object) -> None:
    free = obj("b", a=TEXT)
    shut = free | {"additionalProperties": rest}
    findings = bodies(Direction.RESPONSE, shut, free).findings
    assert any(one.level > Level.INFO for one in findings), findings
