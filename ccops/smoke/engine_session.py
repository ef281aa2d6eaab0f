"""What all of a run's parts share, and how they say what they found."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from ccops.core.errors import CcopsError
from ccops.core.masking import Masker
from ccops.smoke.acts import Answer
from ccops.smoke.engine_checks import Check
from ccops.smoke.engine_systems import Systems
from ccops.smoke.events import AssertionDone, Event, Verdict
from ccops.smoke.model import Place, Step

_T = TypeVar("_T")
Witness = Callable[[str], Awaitable[tuple[str, ...]]]


class Aborted(Exception):
    """The scenario can't go on: a later step would act on something that is not there."""


@dataclass(frozen=True, slots=True)
class Doing:
    """One execution of a step: its name with iteration, its trace, and when it began."""

    step: Step
    name: str
    trace: str
    started: float


@dataclass(slots=True)
class Session:
    """One run: its systems, its variables, its voice. `witness` tells what other systems saw of a trace."""

    scenario: str
    run_id: str
    systems: Systems
    emit: Callable[[Event], None]
    scope: dict[str, object]
    masker: Masker
    witness: Witness | None = None
    waited: float = 0.0

    async def waiting(self, job: Awaitable[_T]) -> _T:
        """Await `job` and count the time as waiting, not as the engine's own."""
        start = time.monotonic()
        try:
            return await job
        finally:
            self.waited += time.monotonic() - start

    def system(self, where: str) -> str:
        """Return the system behind an effect's `where`, which may be the name of a watch."""
        watcher = self.systems.watchers.get(where)
        return watcher.system if watcher else where

    def say_check(
        self, doing: Doing, check: Check, place: Place, answer: Answer, where: str = ""
    ) -> AssertionDone:
        """Report one check of an answer."""
        done = AssertionDone(
            scenario=self.scenario,
            part=doing.step.part,
            step=doing.name,
            system=answer.system,
            where=where or answer.system,
            label=check.label,
            place=place,
            wanted=check.wanted,
            observed=check.observed,
            verdict=Verdict.PASSED if check.ok else Verdict.FAILED,
            elapsed_ms=answer.elapsed_ms,
            trace=doing.trace,
            evidence=answer.evidence,
        )
        self.emit(done)
        return done

    def say_nothing(
        self,
        doing: Doing,
        where: str,
        label: str,
        place: Place,
        reason: str,
        *,
        wanted: str = "",
        lost: bool = False,
    ) -> AssertionDone:
        """Report an assertion that was not evaluated."""
        done = AssertionDone(
            scenario=self.scenario,
            part=doing.step.part,
            step=doing.name,
            system=self.system(where),
            where=where,
            label=label,
            place=place,
            wanted=wanted,
            observed="",
            verdict=Verdict.NOT_EVALUATED,
            elapsed_ms=0.0,
            trace=doing.trace,
            evidence="",
            reason=reason,
            lost=lost,
        )
        self.emit(done)
        return done


def sentence(error: BaseException) -> str:
    """Return what happened and its evidence in one line."""
    if isinstance(error, CcopsError):
        return f"{error.message} ({error.evidence})" if error.evidence else error.message
    return str(error) or type(error).__name__
