"""Go through the steps in order, and close each numbered part as soon as its last effect is decided."""

from __future__ import annotations

import asyncio
import difflib
import time
from dataclasses import dataclass, field

from ccops.core.errors import UsageError
from ccops.smoke.engine import Engine
from ccops.smoke.engine_effects import Effects
from ccops.smoke.engine_judge import Judge
from ccops.smoke.engine_session import Aborted
from ccops.smoke.model import Part, Scenario, Step


def chosen(scenario: Scenario, first: str, last: str) -> tuple[int, int]:
    """Return the places of the first and last step to look at. Raises UsageError for unknown names."""
    names = [step.id for step in scenario.steps]
    places = []
    for name, default in ((first, 0), (last, len(names) - 1)):
        if name and name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            raise UsageError(
                "STEP_UNKNOWN",
                f"scenario {scenario.name} has no step {name!r}",
                evidence=f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(names)}",
                next_step=f"ccops smoke show {scenario.name}",
            )
        places.append(names.index(name) if name else default)
    return places[0], places[1]


@dataclass(slots=True)
class Walk:
    """The way through one scenario. Steps before `first` only act; steps after `last` are left out."""

    scenario: Scenario
    engine: Engine
    effects: Effects
    judge: Judge
    first: str = ""
    last: str = ""
    _begun: dict[int, float] = field(default_factory=dict)
    _closed: set[int] = field(default_factory=set)
    _closing: asyncio.Task[None] | None = None

    async def all(self) -> str:
        """Run the steps and wait for every effect. Returns why the rest was left out, or nothing."""
        start, end = chosen(self.scenario, self.first, self.last)
        steps, reason = self.scenario.steps, ""
        for place, step in enumerate(steps[: end + 1]):
            self._begun.setdefault(step.part, time.monotonic())
            try:
                await self.engine.step(step, look=place >= start)
            except Aborted as problem:
                reason = str(problem)
                for rest in steps[place + 1 : end + 1]:
                    self.engine.skip(rest, reason)
                break
            if not any(later.part == step.part for later in steps[place + 1 :]):
                self._close_later(step.part)
        await self.engine.session.waiting(self.effects.settle())
        await self.close_parts()
        return reason

    async def close_parts(self) -> None:
        """Give the verdict of every part that has none yet, in order."""
        if self._closing is not None:
            await asyncio.gather(self._closing, return_exceptions=True)
        for part in self.scenario.parts:
            self._close(part)

    def _close_later(self, number: int) -> None:
        part = next((one for one in self.scenario.parts if one.number == number), None)
        if part is None:
            return
        before = self._closing

        async def close() -> None:
            if before is not None:
                await before
            await self.effects.settle(part=part.number)
            self._close(part)

        self._closing = asyncio.create_task(close())

    def _close(self, part: Part) -> None:
        if part.number in self._closed:
            return
        self._closed.add(part.number)
        now = time.monotonic()
        begun, session = self._begun.get(part.number, now), self.engine.session
        judged = self._whole(part)
        session.emit(self.judge.part(part, begun, now, judged=judged, scenario=session.scenario))

    def _whole(self, part: Part) -> bool:
        """Say whether `part` was looked at from its first to its last step; a piece of it proves nothing."""
        start, end = chosen(self.scenario, self.first, self.last)
        mine = [place for place, step in enumerate(self.scenario.steps) if _within(step, part)]
        return bool(mine) and start <= mine[0] and mine[-1] <= end


def _within(step: Step, part: Part) -> bool:
    return step.part == part.number
