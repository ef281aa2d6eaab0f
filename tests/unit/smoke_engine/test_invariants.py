"""Invariants are sampled all along; silence is never taken for health."""

from __future__ import annotations

import asyncio

import pytest

from ccops.core.masking import Masker
from ccops.smoke.engine_invariants import Invariants
from ccops.smoke.engine_session import Session
from ccops.smoke.engine_systems import Systems, Targets
from ccops.smoke.events import Event, InvariantSampled, Verdict
from ccops.smoke.model import Invariant
from ccops.smoke.probes.base import Probe
from tests.fakes.probes import HERE, Scripted


def sampled(
    monkeypatch: pytest.MonkeyPatch, probe: Scripted, query: str = "select 1", every: float = 0.02
) -> list[InvariantSampled]:
    said: list[Event] = []

    async def own(self: Systems, where: str) -> Probe:
        return probe

    async def run() -> None:
        session = Session("trial", "r", Systems(Targets("test", {})), said.append, {}, Masker())
        invariants = Invariants(session, [Invariant("rule", "sql", {"query": query}, every, HERE)])
        invariants.start()
        await asyncio.sleep(0.2)
        await invariants.finish()

    monkeypatch.setattr(Systems, "own", own)
    asyncio.run(run())
    return [event for event in said if isinstance(event, InvariantSampled)]


def test_an_always_empty_one_is_green_with_its_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    (final,) = sampled(monkeypatch, Scripted())

    assert final.verdict is Verdict.PASSED
    assert final.samples >= 3


def test_a_break_in_the_middle_is_said_at_once_and_stays_red(monkeypatch: pytest.MonkeyPatch) -> None:
    first, final = sampled(monkeypatch, Scripted((0.1, {"id": 4, "gold": -1})))

    assert not first.final
    assert final.verdict is Verdict.FAILED
    assert "-1" in final.observed


def test_zero_samples_are_not_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    (final,) = sampled(monkeypatch, Scripted(), query="select 1 where id = ${uid}")

    assert (final.verdict, final.samples) == (Verdict.NOT_EVALUATED, 0)
    assert "uid" in final.observed


def test_a_lost_connection_is_not_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    (final,) = sampled(monkeypatch, Scripted(gone_at=0.05))

    assert final.verdict is Verdict.NOT_EVALUATED


def test_one_without_a_period_is_sampled_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    (final,) = sampled(monkeypatch, Scripted(), every=0)

    assert (final.verdict, final.samples) == (Verdict.PASSED, 1)
