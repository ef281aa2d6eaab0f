"""Decide one effect: reach the count within the deadline, then hold it through the settle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ccops.core.errors import CcopsError, Unreachable
from ccops.smoke.durations import format_duration
from ccops.smoke.events import Sighting, Verdict
from ccops.smoke.matchers import match, render_mismatches
from ccops.smoke.model import CountRule, Effect
from ccops.smoke.probes.base import Look, Mask, Observation, Probe, QueryFailed, brief

FIRST_WAIT = 0.02
LONGEST_WAIT = 0.5
_GROWTH = 1.6
_ANSWER_SECONDS = 5.0
_KEPT = 12


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of an effect. `first` is the first observation that matched."""

    verdict: Verdict
    observed: str
    elapsed_ms: float
    evidence: str = ""
    reason: str = ""
    lost: bool = False
    first: Observation | None = None
    sightings: tuple[Sighting, ...] = ()


@dataclass(slots=True)
class Question:
    """An effect with everything rendered, ready to be asked. `sent` is when the act was sent."""

    effect: Effect
    probe: Probe
    look: Look
    expected: object
    scope: Mapping[str, object]
    sent: float
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    seen: dict[str, Sighting] = field(default_factory=dict)
    mask: Mask | None = None
    missed: Sequence[Observation] = ()
    answers: int = 0

    async def decide(self) -> Decision:
        """Return the decision; `reached` is set as soon as the next step may go on."""
        try:
            return await self._decide()
        except Unreachable as error:
            return self._close(Verdict.NOT_EVALUATED, "", reason=_sentence(error), lost=True)
        except QueryFailed as error:
            return self._close(Verdict.FAILED, f"the query was refused: {error}")
        except CcopsError as error:
            return self._close(Verdict.FAILED, _sentence(error))
        finally:
            self.reached.set()

    async def _decide(self) -> Decision:
        rule, want = self.effect.rule, self.effect.count
        hits = await self._until(self.sent + self.effect.within_s, 0 if rule is CountRule.NEVER else want)
        if rule is CountRule.NEVER:
            return self._verdict(not hits, hits)
        if len(hits) < want or (rule is CountRule.EXACTLY and len(hits) > want):
            return self._verdict(False, hits)
        at = self._time_of(hits)
        if self.effect.settle_s:
            self.reached.set()
            hits = await self._hold(time.monotonic() + self.effect.settle_s, want)
        held = len(hits) == want if rule is CountRule.EXACTLY else len(hits) >= want
        return self._verdict(held, hits, at)

    async def _until(self, deadline: float, want: int) -> list[Observation]:
        """Look until enough matches are there (`want` > 0), or one too many, or the deadline has passed."""
        pause = FIRST_WAIT
        while True:
            late = time.monotonic() >= deadline
            hits = await self._look()
            if late or len(hits) >= max(want, 1):
                return hits
            await self.probe.wait(min(pause, max(deadline - time.monotonic(), 0)))
            pause = min(pause * _GROWTH, LONGEST_WAIT)

    async def _hold(self, end: float, want: int) -> list[Observation]:
        """Look on until `end`; a count that changed is decided at once."""
        pause = FIRST_WAIT
        while True:
            late = time.monotonic() >= end
            hits = await self._look()
            if late or len(hits) != want:
                return hits
            await self.probe.wait(min(pause, max(end - time.monotonic(), 0)))
            pause = min(pause * _GROWTH, LONGEST_WAIT)

    async def _look(self) -> list[Observation]:
        try:
            found = await asyncio.wait_for(self.probe.observe(self.look), _ANSWER_SECONDS)
        except TimeoutError:
            raise Unreachable(
                "NO_ANSWER", f"{self.effect.where} gave no answer within {_ANSWER_SECONDS:g} s"
            ) from None
        self.answers += 1
        hits = [one for one in found if not match(self.expected, one.data, self.scope)]
        self.missed = [one for one in found if one not in hits]
        self._keep(found, hits)
        return hits

    def _keep(self, found: Sequence[Observation], hits: Sequence[Observation]) -> None:
        """Remember each distinct thing seen with the time it was first seen; the report shows them."""
        for one in found:
            text = brief(one.data, 400, self.mask)
            if text not in self.seen:
                self.seen[text] = Sighting(self._ms(one.at), text, one.evidence, one in hits)
        while len(self.seen) > _KEPT:  # the latest are nearest to the failure
            misses = [text for text, one in self.seen.items() if not one.matched]
            del self.seen[misses[0] if misses else next(iter(self.seen))]

    def _time_of(self, hits: Sequence[Observation]) -> float:
        return self._ms(hits[min(len(hits), max(self.effect.count, 1)) - 1].at)

    def _ms(self, at: float) -> float:
        return round((at - self.sent) * 1000, 1)

    def _verdict(self, ok: bool, hits: Sequence[Observation], at: float | None = None) -> Decision:
        verdict = Verdict.PASSED if ok else Verdict.FAILED
        return self._close(verdict, self._observed(ok, hits), hits=hits, at=at)

    def _observed(self, ok: bool, hits: Sequence[Observation]) -> str:
        if ok:
            return brief(hits[0].data, mask=self.mask) if hits else f"none ({self.answers} looks)"
        if hits:
            return f"{len(hits)} matching"
        if not self.seen:
            return f"nothing ({self.answers} looks)"
        near = [one for one in self.seen.values() if not one.matched]
        return f"0 matching of {len(near)} seen"

    def _close(
        self,
        verdict: Verdict,
        observed: str,
        *,
        hits: Sequence[Observation] = (),
        at: float | None = None,
        reason: str = "",
        lost: bool = False,
    ) -> Decision:
        return Decision(
            verdict,
            observed,
            self._ms(time.monotonic()) if at is None else at,
            ", ".join(one.evidence for one in hits[:3]),
            reason,
            lost,
            hits[0] if hits else None,
            tuple(self.seen.values()),
        )


def wanted(effect: Effect, expected: object, mask: Mask | None = None) -> str:
    """Return the effect as a sentence: `exactly 1 within 500ms (settle 1s): {"type": "reward_granted"}`."""
    rule = {
        CountRule.EXACTLY: f"exactly {effect.count}",
        CountRule.AT_LEAST: f"at least {effect.count}",
        CountRule.NEVER: "never",
    }[effect.rule]
    settle = f" (settle {format_duration(effect.settle_s)})" if effect.settle_s else ""
    window = "for" if effect.rule is CountRule.NEVER else "within"
    shown = "" if expected in ({}, None) else f": {brief(expected, mask=mask)}"
    return f"{rule} {window} {format_duration(effect.within_s)}{settle}{shown}"


def difference(question: Question) -> list[str]:
    """Return how the nearest observation that did not match differs, one line each."""
    best: list[str] = []
    for one in question.missed:
        lines = render_mismatches(match(question.expected, one.data, question.scope), mask=question.mask)
        if lines and (not best or len(lines) < len(best)):
            best = lines
    return best[:6]


def _sentence(error: CcopsError) -> str:
    return f"{error.message} ({error.evidence})" if error.evidence else error.message
