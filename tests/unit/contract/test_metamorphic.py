"""What must hold for all documents: nothing changed is nothing found, spelling is nothing, polarity mirrors.

And neither a proof nor a witness is ever wrong.
"""

# ruff: noqa: E501 - a schema is a line
from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ccops.contract.edges import around
from ccops.contract.load import document
from ccops.contract.model import Direction, Level, Verdict
from ccops.contract.normalise import Source, Sub
from ccops.contract.sample import Sampler
from tests.unit.contract.documents import Json, api, assert_checked, bodies, compared, obj, stock_valid

BUNDLE = Path(__file__).parents[3] / "ccops" / "backend" / "contract" / "openapi.json"
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@pytest.fixture(scope="module")
def backend() -> Json:
    loaded: Json = json.loads(BUNDLE.read_text(encoding="utf-8"))
    return loaded


def _reordered(node: object) -> object:
    if isinstance(node, dict):
        return {key: _reordered(node[key]) for key in reversed(node)}
    if isinstance(node, list):
        items = [_reordered(one) for one in node]
        return items[::-1] if all(isinstance(one, str) for one in items) else items
    return node


def _renamed(node: object) -> object:
    if isinstance(node, dict):
        return {
            key: value.replace("/schemas/", "/schemas/Z")
            if key == "$ref" and isinstance(value, str)
            else _renamed(value)
            for key, value in node.items()
        }
    return [_renamed(one) for one in node] if isinstance(node, list) else node


def _components_renamed(whole: Json) -> Json:
    made = _renamed(whole)
    assert isinstance(made, dict)
    schemas = made["components"]["schemas"]
    return made | {
        "components": made["components"] | {"schemas": {f"Z{name}": one for name, one in schemas.items()}}
    }


def _inlined(node: object, whole: Json, depth: int = 0) -> object:
    if isinstance(node, dict):
        ref = node.get("$ref")
        if isinstance(ref, str) and ref.startswith("#/components/schemas/") and depth < 6:
            schemas = whole["components"]["schemas"]  # type: ignore[index]
            return _inlined(schemas[ref.rsplit("/", 1)[-1]], whole, depth + 1)
        return {key: _inlined(value, whole, depth) for key, value in node.items()}
    return [_inlined(one, whole, depth) for one in node] if isinstance(node, list) else node


def _described(node: object) -> object:
    if isinstance(node, dict):
        said = {"description": "other words"} if "type" in node and isinstance(node["type"], str) else {}
        return {key: _described(value) for key, value in node.items()} | said
    return [_described(one) for one in node] if isinstance(node, list) else node


def _as_3_0(node: object) -> object:
    """Spell what FastAPI writes the way OpenAPI 3.0 did."""
    if isinstance(node, list):
        return [_as_3_0(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: _as_3_0(value) for key, value in node.items()}
    branches = made.get("anyOf")
    if isinstance(branches, list) and {"type": "null"} in branches:
        rest = [one for one in branches if one != {"type": "null"}]
        del made["anyOf"]
        made |= {"nullable": True} | (
            rest[0] if len(rest) == 1 and "$ref" not in rest[0] else {"anyOf": rest}
        )
    for name, flag in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(made.get(flag), int | float) and not isinstance(made.get(flag), bool):
            made |= {name: made[flag], flag: True}
    if "const" in made:
        made["enum"] = [made.pop("const")]
    return made


TRANSFORMED: dict[str, Callable[[Json], object]] = {
    "the same": lambda whole: whole,
    "reordered": _reordered,
    "components renamed": _components_renamed,
    "references inlined": lambda whole: _inlined(whole, whole),
    "described": _described,
    "spelled as 3.0": lambda whole: {**_as_3_0(whole), "openapi": "3.0.3"},  # type: ignore[dict-item]
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_the_bundled_contract_is_silent_against_another_spelling_of_itself(name: str, backend: Json) -> None:
    other = TRANSFORMED[name](copy.deepcopy(backend))
    for result in (compared(backend, other), compared(other, backend)):
        assert [f"{one.operation} {one.message}" for one in result.findings] == []
        assert result.compared.operations > 20
        assert result.exit_code == 0


def test_findings_do_not_depend_on_the_order_of_a_document(backend: Json) -> None:
    broken = json.loads(json.dumps(backend).replace('"balance_after"', '"balance"'))
    one, two = compared(backend, broken), compared(_reordered(backend), _reordered(broken))
    assert one.findings
    assert [(f.code, f.operation, f.fingerprint) for f in one.findings] == [
        (f.code, f.operation, f.fingerprint) for f in two.findings
    ]


# ---- random schemas

_scalars = st.sampled_from([None, True, False, 0, 1, 2, 5, "a", "b", "ab"])
_small = st.integers(0, 4)


def _with(base: Json, **optional: st.SearchStrategy[object]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({}, optional=optional).map(lambda more: base | more)


_leaves = st.one_of(
    _with(
        {"type": "string"},
        minLength=_small,
        maxLength=_small,
        pattern=st.sampled_from(["^a", "b$", "^[ab]*$"]),
    ),
    _with({"type": "integer"}, minimum=_small, maximum=_small, multipleOf=st.sampled_from([1, 2, 3])),
    _with({"type": "number"}, minimum=_small, exclusiveMaximum=_small),
    st.lists(_scalars, min_size=1, max_size=3).map(lambda values: {"enum": values}),
    _scalars.map(lambda value: {"const": value}),
    st.sampled_from(
        [
            {"type": "boolean"},
            {"type": "null"},
            {"type": ["string", "null"]},
            {},
            {"type": ["integer", "string"]},
        ]
    ),
)


def _deeper(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    names = st.sampled_from(["a", "b", "c"])
    objects = st.fixed_dictionaries(
        {"properties": st.dictionaries(names, inner, max_size=3)},
        optional={
            "required": st.lists(names, unique=True, max_size=2), "additionalProperties": st.one_of(st.booleans(), inner),
            "maxProperties": _small,
        },
    ).map(lambda made: {"type": "object", **made})  # fmt: skip
    arrays = st.fixed_dictionaries(
        {"items": inner},
        optional={"minItems": _small, "maxItems": _small, "prefixItems": st.lists(inner, max_size=2)},
    ).map(lambda made: {"type": "array", **made})
    unions = st.tuples(
        st.sampled_from(["anyOf", "oneOf", "allOf"]), st.lists(inner, min_size=1, max_size=3)
    ).map(lambda pair: {pair[0]: pair[1]})
    return st.one_of(objects, arrays, unions)


schemas = st.recursive(_leaves, _deeper, max_leaves=6)


def _values(schema: Json, other: Json) -> list[object]:
    """Return values of a schema, likely to lie where the two differ."""
    sources = [Source(document(api()), Direction.REQUEST) for _ in range(2)]
    one, two = (
        source.schema(Sub(copy.deepcopy(raw), ""))
        for source, raw in zip(sources, (schema, other), strict=True)
    )
    found = list(around(Sampler(sources[0]), one, two))[:150]
    return [
        *found,
        None,
        True,
        0,
        1,
        2.5,
        7,
        "",
        "a",
        "ab",
        "zzzzz",
        [],
        [0],
        ["a", 1],
        {},
        {"a": 1},
        {"a": "a", "b": 0},
        {"z": 1},
    ]


@QUICK
@given(schemas, schemas, st.sampled_from([Direction.REQUEST, Direction.RESPONSE]))
@example({"oneOf": [{"const": "a"}, {"type": "string"}]}, {"type": "string"}, Direction.REQUEST)
@example(
    {"anyOf": [{"type": "string"}]}, {"oneOf": [{"type": "string"}, {"minLength": 1}]}, Direction.REQUEST
)
@example(
    obj("a b", a={"type": "string"}, b={"type": "string"}),
    {"oneOf": [obj("a", a={"type": "string"}), obj("b", b={"type": "string"})]},
    Direction.REQUEST,
)
@example(
    {"type": "object"},
    {"type": ["string", "integer"], "anyOf": [{"type": "string"}, {"minimum": 2}]},
    Direction.REQUEST,
)
def test_no_verdict_about_random_schemas_is_wrong(old: Json, new: Json, direction: Direction) -> None:
    """ERR: the witness is checked by jsonschema as it comes. All INFO: no value in reach tells otherwise."""
    result = bodies(direction, old, new)
    whole = api()
    for finding in result.findings:
        if finding.level is Level.ERR and " at $" in finding.reason:
            sub = old if direction is Direction.REQUEST else new
            assert not any(stock_valid(whole, sub, value) for value in _values(sub, sub)), (
                "a whole payload could be built"
            )
        elif finding.level is Level.ERR:
            assert_checked(finding, whole, whole, (old, new))
    if all(one.verdict is Verdict.PROVED for one in result.findings):
        sub, sup = (old, new) if direction is Direction.REQUEST else (new, old)
        for value in _values(sub, sup):
            if stock_valid(whole, sub, value) and not stock_valid(whole, sup, value):
                assert _excused(sub, sup, value, direction), (sub, sup, value)


def _excused(sub: object, sup: object, value: object, direction: Direction) -> bool:
    """Two conventions make a proof of what sets of values alone don't prove: writers send declared names only,
    and readers of an answer take either of two alternatives that both fit."""
    text = json.dumps([sub, sup])
    return '"properties"' in text or (direction is Direction.RESPONSE and '"oneOf"' in text)


@QUICK
@given(schemas)
def test_a_random_schema_against_itself_is_silent(schema: Json) -> None:
    for direction in (Direction.REQUEST, Direction.RESPONSE):
        assert bodies(direction, schema, copy.deepcopy(schema)).findings == ()
        turned = _reordered(schema)
        assert bodies(direction, schema, turned).findings == ()


@QUICK
@given(schemas, schemas)
def test_polarity_mirrors_on_schemas_without_objects(old: Json, new: Json) -> None:
    text = json.dumps([old, new])
    if '"properties"' in text or '"oneOf"' in text:
        return
    asked = bodies(Direction.REQUEST, old, new)
    answered = bodies(Direction.RESPONSE, new, old)
    assert (asked.count(Level.ERR) > 0) == (answered.count(Level.ERR) > 0)


def test_recursive_schemas_end_and_hold_on_a_greatest_fixed_point() -> None:
    def tree(leaf: Json) -> Json:
        return {
            "Tree": obj(
                "value",
                value=leaf,
                left={"$ref": "#/components/schemas/Tree"},
                right={"$ref": "#/components/schemas/Tree"},
            )
        }

    ref = {"$ref": "#/components/schemas/Tree"}
    number, text = {"type": "integer"}, {"type": "string"}
    same = compared(api(response=ref, schemas=tree(number)), api(response=ref, schemas=tree(dict(number))))
    assert same.findings == ()
    broken = compared(api(response=ref, schemas=tree(number)), api(response=ref, schemas=tree(text)))
    assert [one.code for one in broken.findings] == ["RESPONSE_TYPE_CHANGED"]
    assert broken.findings[0].witness is not None

    # Inside a union the pair in progress may not vouch for itself: the list is broken although each step looks fine.
    def chain(leaf: Json) -> Json:
        return {"Tree": {"anyOf": [obj("end", end=leaf), obj("next", next=ref)]}}

    unsafe = compared(api(response=ref, schemas=chain(number)), api(response=ref, schemas=chain(text)))
    assert unsafe.count(Level.ERR) + unsafe.count(Level.WARN) > 0
