"""What is shown as a break: whole where it is small, checked always, and of the right keyword."""

from __future__ import annotations

import time

import pytest

from ccops.contract.diff import diff
from ccops.contract.model import Direction, Level, Policy
from ccops.contract.oracle import Budget, OutOfTime
from ccops.contract.patterns import Undecidable, samples, search
from tests.unit.contract.documents import TODAY, Json, api, assert_checked, bodies, compared, obj

TEXT: Json = {"type": "string"}
INT: Json = {"type": "integer"}


def _witness(direction: Direction, old: Json, new: Json) -> object:
    findings = [one for one in bodies(direction, old, new).findings if one.level is Level.ERR]
    assert len(findings) == 1, findings
    assert_checked(findings[0], api(), api(), (old, new))
    assert findings[0].witness is not None
    return findings[0].witness.value


def test_a_small_payload_is_shown_whole() -> None:
    old = obj(
        "user", user=obj("name tags", name=TEXT, tags={"type": "array", "items": TEXT | {"maxLength": 9}})
    )
    new = obj(
        "user", user=obj("name tags", name=TEXT, tags={"type": "array", "items": TEXT | {"maxLength": 4}})
    )
    assert _witness(Direction.REQUEST, old, new) == {"user": {"name": "text", "tags": ["textx"]}}


def test_a_response_shows_what_may_come_now() -> None:
    assert _witness(Direction.RESPONSE, obj("a", a=INT), obj(a=INT)) == {}


def test_a_large_payload_is_shown_at_the_place_of_the_break() -> None:
    many = {f"field_number_{index}": TEXT for index in range(100)}
    names = " ".join(many)
    old, new = obj(names, **many), obj(names, **{**many, "field_number_7": TEXT | {"maxLength": 2}})
    (finding,) = bodies(Direction.REQUEST, old, new).findings
    assert finding.witness is not None
    assert finding.witness.value == "text"
    assert finding.witness.note == "valid before, refused now at $.field_number_7"


def test_a_witness_fits_the_pattern_it_must_keep() -> None:
    old = {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$", "maxLength": 12}
    value = _witness(Direction.REQUEST, old, old | {"maxLength": 5})
    assert isinstance(value, str)
    assert search("^[A-Z]{2}-[0-9]+$", value)
    assert 5 < len(value) <= 12


def test_a_change_that_no_value_can_show_is_no_error() -> None:
    """A bound that moved where an enumeration already rules: every value is tried, and none breaks."""
    old = {"type": "string", "enum": ["a", "bb"], "maxLength": 9}
    (finding,) = bodies(Direction.REQUEST, old, old | {"maxLength": 3}).findings
    assert (finding.level, finding.reason) == (Level.INFO, "every one of the 2 values was tried")


def test_a_break_inside_an_alternative_that_another_takes_is_none() -> None:
    old = {"anyOf": [obj("k", k={"const": "a"}, n=INT), obj(n=INT)]}
    new = {"anyOf": [obj("k", k={"const": "a"}, n=INT | {"maximum": 3}), obj(n=INT)]}
    assert {one.level for one in bodies(Direction.REQUEST, old, new).findings} == {Level.INFO}


def test_a_break_inside_an_alternative_is_shown_with_its_tag() -> None:
    def pets(limit: Json) -> Json:
        return {
            "oneOf": [obj("kind n", kind={"const": "cat"}, n=INT | limit), obj("kind", kind={"const": "dog"})]
        }

    assert _witness(Direction.REQUEST, pets({"maximum": 9}), pets({"maximum": 3})) == {"kind": "cat", "n": 9}


def test_a_value_nobody_can_put_into_a_payload_is_no_witness() -> None:
    old = obj(a=TEXT) | {"maxProperties": 0}
    (finding,) = bodies(Direction.REQUEST, old, obj(a=INT) | {"maxProperties": 0}).findings
    assert (finding.level, finding.witness) == (Level.WARN, None)
    assert "no whole payload around it" in finding.reason


def test_a_harmless_change_beside_a_break_does_not_borrow_its_witness() -> None:
    old = obj("a b", a=TEXT | {"pattern": "^x"}, b=TEXT)
    new = obj("a b", a=TEXT | {"pattern": "^x|^y"}, b=TEXT | {"maxLength": 2})
    levels = {one.code: one.level for one in bodies(Direction.REQUEST, old, new).findings}
    assert levels == {"REQUEST_PATTERN_CHANGED": Level.WARN, "REQUEST_MAX_LENGTH_ADDED": Level.ERR}


def test_two_changes_of_one_value_each_need_a_refusal_of_their_own() -> None:
    old = {"type": "string", "maxLength": 5, "pattern": "^a{0,5}$"}
    new = {"type": "string", "maxLength": 4, "pattern": "^a{0,9}$"}
    levels = {one.code: one.level for one in bodies(Direction.REQUEST, old, new).findings}
    assert levels == {"REQUEST_MAX_LENGTH_DECREASED": Level.ERR, "REQUEST_PATTERN_CHANGED": Level.WARN}


def test_a_parameter_travels_as_text() -> None:
    def query(schema: Json) -> Json:
        return api(parameters=[{"name": "page", "in": "query", "schema": schema}])

    (finding,) = compared(query(TEXT), query(INT)).findings
    assert finding.witness is not None
    assert finding.witness.wire == "?page=text"
    assert compared(query(INT), query(TEXT)).findings[0].level is Level.INFO
    (bounded,) = compared(query(INT), query(INT | {"maximum": 100})).findings
    assert bounded.witness is not None
    assert bounded.witness.wire.startswith("?page=")


def test_a_search_costs_no_more_than_its_budget() -> None:
    hard = {
        "type": "object",
        "additionalProperties": {"anyOf": [obj(**{f"k{i}": {"const": i}}) for i in range(30)]},
    }
    old, new = (
        api(hard),
        api(hard | {"not": {"required": ["never"], "properties": {"never": {"const": "x"}}}}),
    )
    started = time.thread_time()
    result = diff(old, new, policy=Policy(today=TODAY, witness_ms=5))
    assert time.thread_time() - started < 2.0
    assert all(one.witness is None for one in result.findings if one.level is not Level.ERR)


def test_a_budget_that_is_used_up_says_so() -> None:
    budget = Budget(0)
    time.sleep(0)
    sum(range(10_000))
    with pytest.raises(OutOfTime):
        budget.check()


@pytest.mark.parametrize(
    "pattern", ["^a+$", "^[a-z]{3,5}$", r"^\d{4}-\d{2}$", "^(foo|bar)baz$", "^[^@]+@[^@]+$", "x|y", "^$"]
)
def test_samples_of_a_pattern_fit_it(pattern: str) -> None:
    found = list(samples(pattern))
    assert found
    assert all(search(pattern, one) for one in found)


def test_a_pattern_is_not_tried_on_a_text_that_could_take_forever() -> None:
    assert search("^(a+)+$", "a" * 10)
    with pytest.raises(Undecidable, match="too long"):
        search("^(a+)+$", "a" * 40 + "!")
    with pytest.raises(Undecidable, match="refers back"):
        search(r"(a)\1", "aa")
