"""Counts, deadlines and settles of one effect."""

from __future__ import annotations

import asyncio
import time

import pytest

from ccops.smoke.effects import Decision, Question, difference, wanted
from ccops.smoke.events import Verdict
from ccops.smoke.model import CountRule, Effect
from ccops.smoke.probes.base import Look, Probe
from tests.fakes.probes import Scripted, effect


def question(one: Effect, probe: Probe, expected: object = None) -> Question:
    return Question(
        one, probe, Look({}), expected if expected is not None else one.match, {}, time.monotonic()
    )


def decide(one: Effect, probe: Probe) -> Decision:
    async def run() -> Decision:
        return await question(one, probe).decide()

    return asyncio.run(run())


def test_exactly_one_that_is_there_passes_at_once() -> None:
    decision = decide(effect(within=5), Scripted((0, {"n": 1})))

    assert decision.verdict is Verdict.PASSED
    assert decision.evidence == "row:1"
    assert decision.elapsed_ms < 1000


def test_a_second_one_during_the_settle_fails() -> None:
    decision = decide(effect(settle=0.3), Scripted((0, {"n": 1}), (0.15, {"n": 2})))

    assert decision.verdict is Verdict.FAILED
    assert decision.observed == "2 matching"
    assert [one.evidence for one in decision.sightings] == ["row:1", "row:2"]


def test_a_second_one_after_the_settle_is_not_looked_for() -> None:
    assert decide(effect(settle=0.1), Scripted((0, {}), (0.6, {"n": 2}))).verdict is Verdict.PASSED


def test_two_where_one_is_wanted_fail_without_waiting_for_the_deadline() -> None:
    begun = time.monotonic()
    decision = decide(effect(within=30), Scripted((0, {"n": 1}), (0, {"n": 2})))

    assert decision.verdict is Verdict.FAILED
    assert time.monotonic() - begun < 5


def test_at_least_stops_as_soon_as_enough_are_there() -> None:
    probe = Scripted((0, {"n": 1}), (0.05, {"n": 2}), (0.1, {"n": 3}))
    decision = decide(effect(CountRule.AT_LEAST, 2, within=30), probe)

    assert decision.verdict is Verdict.PASSED


def test_nothing_by_the_deadline_fails_and_says_what_was_seen_instead() -> None:
    one = effect(match={"status": "SUCCESS"}, within=0.15)
    asked: list[Question] = []

    async def run() -> Decision:
        asked.append(question(one, Scripted((0, {"status": "PENDING"}))))
        return await asked[0].decide()

    decision = asyncio.run(run())

    assert decision.verdict is Verdict.FAILED
    assert decision.observed == "0 matching of 1 seen"
    assert "PENDING" in difference(asked[0])[0]


def test_the_last_look_is_at_the_deadline() -> None:
    assert decide(effect(within=0.25), Scripted((0.2, {"n": 1}))).verdict is Verdict.PASSED


@pytest.mark.parametrize(("at", "verdict"), [(0.1, Verdict.FAILED), (0.9, Verdict.PASSED)])
def test_never_watches_its_whole_window(at: float, verdict: Verdict) -> None:
    begun = time.monotonic()
    decision = decide(effect(CountRule.NEVER, 0, within=0.3), Scripted((at, {"n": 1})))

    assert decision.verdict is verdict
    if verdict is Verdict.PASSED:
        assert time.monotonic() - begun >= 0.3


def test_a_system_that_goes_away_is_not_evaluated() -> None:
    decision = decide(effect(settle=0.5), Scripted((0, {"n": 1}), gone_at=0.1))

    assert decision.verdict is Verdict.NOT_EVALUATED
    assert decision.lost
    assert "did not answer" in decision.reason


def test_looks_slow_down_while_nothing_happens() -> None:
    probe = Scripted()
    decide(effect(within=1.0), probe)

    assert 5 <= probe.looks <= 12


def test_the_next_step_may_go_on_before_the_settle_is_over() -> None:
    async def run() -> tuple[float, float]:
        asked = question(effect(settle=0.4), Scripted((0, {"n": 1})))
        begun = time.monotonic()
        task = asyncio.create_task(asked.decide())
        await asked.reached.wait()
        reached = time.monotonic() - begun
        await task
        return reached, time.monotonic() - begun

    reached, done = asyncio.run(run())

    assert reached < 0.3 <= 0.4 <= done


def test_the_wish_is_a_sentence() -> None:
    assert wanted(effect(settle=1, within=0.5), {"type": "x"}) == (
        'exactly 1 within 500ms (settle 1s): {"type": "x"}'
    )
    assert wanted(effect(CountRule.NEVER, 0, within=1), {}) == "never for 1s"
