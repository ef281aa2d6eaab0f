"""A caller's requests beyond a few wait in order, and hold nobody else up."""

from __future__ import annotations

import asyncio

import pytest

from ccops.backend.turns import Turns

ONE, OTHER = 1, 2


def test_who_is_beyond_the_bound_waits_in_order_and_others_do_not() -> None:
    async def run() -> list[str]:
        turns, entered = Turns(2, within_s=5), []

        async def visit(name: str, caller: int, gate: asyncio.Event) -> None:
            await turns.enter(caller)
            entered.append(name)
            await gate.wait()
            turns.leave(caller)

        gates = {name: asyncio.Event() for name in "abcdx"}
        jobs = [asyncio.create_task(visit(name, ONE, gates[name])) for name in "abcd"]
        await asyncio.sleep(0)
        jobs.append(asyncio.create_task(visit("x", OTHER, gates["x"])))
        await asyncio.sleep(0.01)
        seen = ["".join(entered)]
        for name in "bacdx":
            gates[name].set()
            await asyncio.sleep(0.01)
            seen.append("".join(entered))
        await asyncio.gather(*jobs)
        assert len(turns) == 0
        return seen

    assert asyncio.run(run()) == ["abx", "abxc", "abxcd", "abxcd", "abxcd", "abxcd"]


def test_a_turn_that_does_not_come_in_time_or_is_not_wanted_any_more_leaves_nothing_behind() -> None:
    async def run() -> None:
        turns = Turns(1, within_s=0.01)
        await turns.enter(ONE)
        with pytest.raises(TimeoutError):
            await turns.enter(ONE)
        patient = Turns(1, within_s=5)
        await patient.enter(ONE)
        gone = asyncio.create_task(patient.enter(ONE))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        for one in (turns, patient):
            one.leave(ONE)
            assert len(one) == 0
            await one.enter(ONE)  # the place is free again
            one.leave(ONE)

    asyncio.run(run())
