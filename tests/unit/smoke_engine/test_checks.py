"""Answers held against `expect`, and captures taken out of them."""

from __future__ import annotations

import pytest

from ccops.smoke.acts import Answer
from ccops.smoke.engine_checks import Check, captured, checks, status_failed
from ccops.smoke.model import Expect
from tests.fakes.probes import HERE


def answer(status: int | None = 200, body: object = None, **more: object) -> Answer:
    return Answer("http", "POST /x", 0.0, 1.0, status, body=body, **more)  # type: ignore[arg-type]


def one(expect: Expect | None, got: Answer, earlier: dict[str, Answer] | None = None) -> Check:
    return checks(expect, got, {}, earlier or {})[-1]


@pytest.mark.parametrize(
    ("wanted", "got", "ok"),
    [
        ({"200": 1, "409": 19}, {"200": 1, "409": 19}, True),
        ({"200": 1, "409": 19}, {"200": 2, "409": 18}, False),
        ({"200": 1}, {"200": 1, "500": 1}, False),
        ({"200": 1, "409|429": 4}, {"200": 1, "409": 3, "429": 1}, True),
        ({"200": 1, "409": 0}, {"200": 1}, True),
    ],
)
def test_every_outcome_of_a_race_is_accounted_for(
    wanted: dict[str, int], got: dict[str, int], ok: bool
) -> None:
    check = one(Expect(HERE, outcomes=wanted), answer(None, outcomes=got))

    assert check.ok is ok
    assert status_failed([check]) is not ok


@pytest.mark.parametrize(
    ("status", "ok"), [(200, True), (204, True), (302, False), (404, False), (500, False)]
)
def test_without_a_wanted_status_it_must_be_2xx(status: int, ok: bool) -> None:
    assert one(None, answer(status)).ok is ok


def test_a_wrong_status_shows_the_error_that_came() -> None:
    check = one(Expect(HERE, status=200), answer(409, {"error": {"code": "ALREADY_CLAIMED"}}))

    assert check.observed == '409 {"code": "ALREADY_CLAIMED"}'


def test_headers_are_compared_without_case_and_as_numbers() -> None:
    got = answer(headers={"retry-after": "600"})

    assert one(Expect(HERE, headers={"Retry-After": {"between": [1, 600]}}), got).ok
    assert not one(Expect(HERE, headers={"Retry-After": {"between": [1, 599]}}), got).ok


def test_a_replay_must_have_the_same_bytes() -> None:
    first = answer(raw=b'{"a": 1}')

    assert one(Expect(HERE, same_as="buy"), answer(raw=b'{"a": 1}'), {"buy": first}).ok
    assert not one(Expect(HERE, same_as="buy"), answer(raw=b'{"a":1}'), {"buy": first}).ok
    assert not one(Expect(HERE, same_as="buy"), answer(raw=b""), {}).ok


def test_captures_see_earlier_ones_and_the_old_value_before() -> None:
    how = {"price": "${gold - body.gold}", "gold": "$.gold", "half": "${gold / 2}"}
    taken = captured(how, {"gold": 60}, {"gold": 100, "body": {"gold": 60}})

    assert taken.values == {"price": 40, "gold": 60, "half": 30}


def test_a_secret_capture_is_handed_to_the_masker_and_a_missing_one_is_a_problem() -> None:
    taken = captured({"a": {"path": "$.token", "secret": True}, "b": "$.none"}, {"token": "abcd"}, {})

    assert taken.secrets == ("abcd",)
    assert [problem.label for problem in taken.problems] == ["capture b"]
    assert "b" not in taken.values
