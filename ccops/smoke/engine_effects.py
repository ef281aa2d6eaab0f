"""Ask all systems about the effects of a step, and keep asking about the late ones while others run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ccops.core.errors import CcopsError, Unreachable
from ccops.smoke.acts import Answer
from ccops.smoke.effects import Decision, Question, difference, wanted
from ccops.smoke.engine_checks import captured
from ccops.smoke.engine_plan import Timing, correlation, timing, traced
from ccops.smoke.engine_session import Doing, Session, sentence
from ccops.smoke.events import AssertionDone, Verdict
from ccops.smoke.expressions import names_in, render
from ccops.smoke.matchers import render_expected
from ccops.smoke.model import Effect
from ccops.smoke.probes.base import Look, QueryFailed, brief


@dataclass(frozen=True, slots=True)
class Pending:
    """An effect being decided. `question` is missing when it could not even be asked."""

    part: int
    where: str
    timing: Timing
    task: asyncio.Task[AssertionDone]
    question: Question | None


@dataclass(slots=True)
class Effects:
    """The effects of one run."""

    session: Session
    pending: list[Pending] = field(default_factory=list)

    async def baselines(self, effects: Sequence[Effect]) -> list[object]:
        """Return what each probe says about the time before the act, or the error that asking it gave."""

        async def one(effect: Effect) -> object:
            try:
                probe = await self.session.systems.probe(effect.where)
                source = render(dict(effect.source), self.session.scope) if effect.where == "prom" else {}
                return await probe.baseline(source if isinstance(source, Mapping) else {})
            except (CcopsError, QueryFailed) as error:
                return error

        return list(await asyncio.gather(*(one(effect) for effect in effects)))

    async def look(
        self, doing: Doing, answer: Answer, effects: Sequence[Effect], baselines: Sequence[object]
    ) -> list[AssertionDone]:
        """Start deciding all effects side by side; return those decided when the next step may go on."""
        mine: list[Pending] = []
        for effect, base in zip(effects, baselines, strict=True):
            await self._captured_before(effect, mine, effects)
            mine.append(self._ask(doing, answer, effect, base))
        self.pending += mine
        if mine:
            await self.session.waiting(asyncio.gather(*(_blocking(one) for one in mine)))
        return [one.task.result() for one in mine if one.task.done()]

    async def _captured_before(
        self, effect: Effect, mine: Sequence[Pending], effects: Sequence[Effect]
    ) -> None:
        """Wait for an earlier effect of the same step whose capture `effect` uses."""
        givers = [one for one, earlier in zip(mine, effects, strict=False) if earlier.capture]
        if not givers:
            return
        used = names_in([dict(effect.source), effect.match, effect.by])
        for giver, earlier in zip(mine, effects, strict=False):
            if used & set(earlier.capture):
                await self.session.waiting(asyncio.wait([giver.task]))

    async def settle(self, where: str = "", part: int | None = None) -> None:
        """Wait until the pending effects on `where`, or of `part`, or all of them are decided."""
        tasks = [one.task for one in self.pending if where in {"", one.where} and part in {None, one.part}]
        await asyncio.gather(*tasks)

    async def abandon(self, reason: str) -> None:
        """Stop deciding: what is still pending was not evaluated."""
        for one in self.pending:
            one.task.cancel(reason)
        await asyncio.gather(*(one.task for one in self.pending), return_exceptions=True)

    def skip(self, doing: Doing, effects: Sequence[Effect], reason: str) -> None:
        """Report `effects` as not evaluated."""
        for effect in effects:
            label, text = _label(effect), wanted(effect, effect.match)
            self.session.say_nothing(doing, effect.where, label, effect.place, reason, wanted=text)

    def _ask(self, doing: Doing, answer: Answer, effect: Effect, base: object) -> Pending:
        watch = effect.where in self.session.systems.watchers
        own = traced(doing.step.act.kind)
        how = timing(effect, self.session.system(effect.where), traced=own, watch=watch)
        question: Question | None = None
        problem: CcopsError | QueryFailed | None = None
        try:
            question = self._question(doing, answer, effect, base)
        except (CcopsError, QueryFailed) as error:
            problem = error
        task = asyncio.ensure_future(self._decide(doing, answer, effect, question, problem))
        return Pending(doing.step.part, effect.where, how, task, question)

    def _question(self, doing: Doing, answer: Answer, effect: Effect, base: object) -> Question:
        if isinstance(base, CcopsError | QueryFailed):
            raise base
        scope = dict(self.session.scope)
        source = render(dict(effect.source), scope)
        watch, own = effect.where in self.session.systems.watchers, traced(doing.step.act.kind)
        by = correlation(effect, scope, doing.trace, traced=own, watch=watch)
        look = Look(source if isinstance(source, Mapping) else {}, doing.trace, by, base)
        probe = self.session.systems.ready(effect.where)
        return Question(
            effect,
            probe,
            look,
            render_expected(effect.match, scope),
            scope,
            answer.sent,
            mask=self.session.masker.text,
        )

    async def _decide(
        self,
        doing: Doing,
        answer: Answer,
        effect: Effect,
        question: Question | None,
        problem: CcopsError | QueryFailed | None,
    ) -> AssertionDone:
        decision = await _decision(question, problem, answer.sent)
        if decision.verdict is Verdict.PASSED and effect.capture and decision.first is not None:
            decision = self._capture(effect, decision)
        observed = decision.observed
        elsewhere: tuple[str, ...] = ()
        if decision.verdict is Verdict.FAILED:
            observed = "\n".join([observed, *(difference(question) if question else ())])
            elsewhere = await self._witness(doing.trace)
        done = AssertionDone(
            scenario=self.session.scenario,
            part=doing.step.part,
            step=doing.name,
            system=self.session.system(effect.where),
            where=effect.where,
            label=_label(effect),
            place=effect.place,
            wanted=wanted(effect, question.expected if question else effect.match, self.session.masker.text),
            observed=observed,
            verdict=decision.verdict,
            elapsed_ms=decision.elapsed_ms,
            trace=doing.trace,
            evidence=decision.evidence,
            reason=decision.reason,
            lost=decision.lost,
            sightings=decision.sightings,
            elsewhere=elsewhere,
        )
        self.session.emit(done)
        return done

    async def _witness(self, trace: str) -> tuple[str, ...]:
        return await self.session.witness(trace) if self.session.witness else ()

    def _capture(self, effect: Effect, decision: Decision) -> Decision:
        assert decision.first is not None
        taken = captured(effect.capture, decision.first.data, self.session.scope)
        for secret in taken.secrets:
            self.session.masker.add(secret)
        self.session.scope |= taken.values
        if not taken.problems:
            return decision
        problem = taken.problems[0]
        return replace(decision, verdict=Verdict.FAILED, observed=f"{problem.label}: {problem.observed}")


async def _decision(
    question: Question | None, problem: CcopsError | QueryFailed | None, sent: float
) -> Decision:
    late = round((time.monotonic() - sent) * 1000, 1)
    if question is None:
        assert problem is not None
        said = sentence(problem)
        if isinstance(problem, Unreachable):
            return Decision(Verdict.NOT_EVALUATED, "", late, reason=said, lost=True)
        return Decision(Verdict.FAILED, said, late)
    try:
        return await question.decide()
    except asyncio.CancelledError as stop:
        late = round((time.monotonic() - sent) * 1000, 1)
        return Decision(Verdict.NOT_EVALUATED, "", late, reason=str(stop) or "the run was stopped")


async def _blocking(one: Pending) -> None:
    if one.timing is Timing.NOT:
        return
    if one.timing is Timing.DONE or one.question is None:
        await asyncio.wait([one.task])
        return
    await one.question.reached.wait()
    if one.question.effect.settle_s == 0:
        await asyncio.wait([one.task])


def _label(effect: Effect) -> str:
    return effect.label or brief(effect.match, 80)
