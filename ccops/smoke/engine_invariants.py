"""Sample the queries that must stay empty, all along and once at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ccops.core.errors import CcopsError
from ccops.smoke.engine_session import Session, sentence
from ccops.smoke.events import InvariantSampled, Verdict
from ccops.smoke.expressions import ExpressionError, render
from ccops.smoke.model import Invariant
from ccops.smoke.probes.base import Look, QueryFailed, brief


@dataclass(slots=True)
class _Tally:
    samples: int = 0
    broken: int = 0
    observed: str = ""
    problem: str = ""


@dataclass(slots=True)
class Invariants:
    """The invariants of one run, on connections of their own."""

    session: Session
    invariants: Sequence[Invariant]
    _tallies: dict[str, _Tally] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        """Begin to sample those that have a period."""
        self._tallies = {one.name: _Tally() for one in self.invariants}
        self._tasks = [asyncio.create_task(self._sample_on(one)) for one in self.invariants if one.every_s]

    async def stop(self) -> None:
        """Stop the sampling tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def finish(self) -> None:
        """Stop, sample each one last time and say the totals. Zero samples is never fine."""
        await self.stop()
        for one in self.invariants:
            await self._sample(one)
            tally = self._tallies[one.name]
            verdict = Verdict.PASSED
            if tally.broken:
                verdict = Verdict.FAILED
            elif tally.problem or not tally.samples:
                verdict = Verdict.NOT_EVALUATED
            self._say(one, tally, verdict, final=True)

    async def _sample_on(self, one: Invariant) -> None:
        while True:
            await self._sample(one)
            await asyncio.sleep(one.every_s)

    async def _sample(self, one: Invariant) -> None:
        tally = self._tallies.setdefault(one.name, _Tally())
        try:
            source = render(dict(one.source), self.session.scope)
        except ExpressionError as error:
            # A name that a later step captures; if nothing ever sets it there are zero samples.
            tally.observed = error.message
            return
        try:
            probe = await self.session.systems.own(one.where)
            rows = await probe.observe(Look(source if isinstance(source, Mapping) else {}))
        except (CcopsError, QueryFailed) as error:
            tally.problem = sentence(error)
            return
        tally.samples += 1
        if rows:
            tally.broken += 1
            tally.observed = f"{len(rows)} rows, first {brief(rows[0].data)}"
            if tally.broken == 1:
                self._say(one, tally, Verdict.FAILED, final=False)

    def _say(self, one: Invariant, tally: _Tally, verdict: Verdict, *, final: bool) -> None:
        observed = tally.problem or tally.observed or "always empty"
        self.session.emit(
            InvariantSampled(
                self.session.scenario,
                one.name,
                one.place,
                tally.samples,
                tally.broken,
                verdict,
                observed,
                final,
            )
        )
