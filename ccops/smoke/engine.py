"""Walk the steps of a scenario: watch, act, then look at the effects on every system."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from ccops.core.errors import CcopsError, Unreachable
from ccops.smoke.acts import ActContext, Answer, perform
from ccops.smoke.engine_checks import Check, captured, checks, status_failed
from ccops.smoke.engine_effects import Effects
from ccops.smoke.engine_plan import trace_id
from ccops.smoke.engine_race import race
from ccops.smoke.engine_session import Aborted, Doing, Session, sentence
from ccops.smoke.events import ActDone, AssertionDone, StepDone, StepStarted, Verdict
from ccops.smoke.expressions import render
from ccops.smoke.model import Effect, Step
from ccops.smoke.probes.base import QueryFailed, brief
from ccops.smoke.watchers_ws import WsWatcher


@dataclass(slots=True)
class Engine:
    """Runs steps of one session. `opened` is told the id of each finished act, to open its watchers."""

    session: Session
    effects: Effects
    opened: Callable[[str], Awaitable[None]] | None = None
    answers: dict[str, Answer] = field(default_factory=dict)

    async def step(self, step: Step, suffix: str = "", *, look: bool = True) -> None:
        """Run one step. Raises Aborted when its answer makes the rest of the scenario meaningless.

        Without `look` it only acts: its effects are neither watched nor reported.
        """
        if step.act.kind == "repeat":
            await self._repeat(step, suffix, look=look)
            return
        trace = trace_id(self.session.run_id, step.id, suffix)
        doing = Doing(step, f"{step.id}{suffix}", trace, time.monotonic())
        self.session.scope |= {"trace_id": trace, "step_id": step.id}
        self.session.emit(
            StepStarted(self.session.scenario, doing.name, step.part, step.title, trace, step.place)
        )
        effects = step.effects if look else ()
        try:
            found = await self._act_and_look(doing, effects)
        except Aborted as problem:
            self.effects.skip(doing, effects, str(problem))
            self._done(doing, Verdict.FAILED)
            raise
        verdicts = {one.verdict for one in found}
        bad = (v for v in (Verdict.FAILED, Verdict.NOT_EVALUATED) if v in verdicts)
        self._done(doing, next(bad, Verdict.PASSED))

    def skip(self, step: Step, reason: str) -> None:
        """Report everything `step` would have asserted as not evaluated."""
        if step.act.kind == "repeat":
            for inner in step.act.steps:
                self.skip(inner, reason)
        doing = Doing(step, step.id, "", time.monotonic())
        if step.expect is not None:
            self.session.say_nothing(doing, _system(step), "expect", step.expect.place, reason)
        self.effects.skip(doing, step.effects, reason)

    async def _repeat(self, step: Step, suffix: str, *, look: bool) -> None:
        args = render(step.act.args, self.session.scope)
        words = args if isinstance(args, Mapping) else {}
        for number in range(1, int(str(words.get("times", 1))) + 1):
            if name := words.get("as"):
                self.session.scope[str(name)] = number
            for inner in step.act.steps:
                await self.step(inner, f"{suffix}#{number}", look=look)

    async def _act_and_look(self, doing: Doing, effects: tuple[Effect, ...]) -> list[AssertionDone]:
        baselines = await self.session.waiting(self.effects.baselines(effects))
        answer = await self._act(doing)
        found = self._judge(doing, answer)
        if self.opened is not None:
            try:
                await self.session.waiting(self.opened(doing.step.id))
            except Unreachable as error:
                reason = f"a watcher could not be armed: {sentence(error)}"
                self.session.say_nothing(doing, "ws", "armed", doing.step.place, reason, lost=True)
                raise Aborted(reason) from error
        found += await self.effects.look(doing, answer, effects, baselines)
        return found + self._irregular(doing)

    async def _act(self, doing: Doing) -> Answer:
        session, step = self.session, doing.step
        context = ActContext(session.systems, doing.trace, step.id, session.scope, self.effects.settle)
        try:
            if step.act.kind == "race":
                answer = await session.waiting(race(context, step.act))
            else:
                args = render(step.act.args, session.scope)
                answer = await session.waiting(perform(context, step.act.kind, args))
        except Unreachable as error:
            said = sentence(error)
            session.say_nothing(doing, _system(step), "act", step.act.place, said, lost=True)
            raise Aborted(f"step {doing.name} could not act: {said}") from error
        except (CcopsError, QueryFailed) as error:
            said = sentence(error)
            check = Check("act", f"{step.act.kind} succeeds", said, ok=False)
            session.say_check(doing, check, step.act.place, Answer(_system(step), "", doing.started, 0.0))
            raise Aborted(f"step {doing.name} could not act: {said}") from error
        session.scope |= {"status": answer.status, "headers": dict(answer.headers), "body": answer.body}
        session.scope |= {"rows": answer.rows, **answer.values}
        return answer

    def _judge(self, doing: Doing, answer: Answer) -> list[AssertionDone]:
        """Check and capture, then report: secrets are known before anything of the answer is shown."""
        session, step = self.session, doing.step
        for secret in captured(step.capture, answer.body, session.scope).secrets:
            # Before the first check is worded: it shows cut texts, and half a secret is not recognised.
            session.masker.add(secret)
        found = checks(step.expect, answer, session.scope, self.answers, session.masker.text)
        self.answers[step.id] = answer
        aborts = status_failed(found)
        taken = captured({} if aborts else step.capture, answer.body, session.scope)
        session.scope |= taken.values
        self._say_act(doing, answer)
        place = step.expect.place if step.expect else step.place
        found += taken.problems
        said = [session.say_check(doing, check, place, answer) for check in found]
        if aborts or taken.problems:
            bad = taken.problems[0] if taken.problems else next(check for check in found if not check.ok)
            raise Aborted(f"step {doing.name}: {bad.label} was {bad.observed}, wanted {bad.wanted}")
        return said

    def _say_act(self, doing: Doing, answer: Answer) -> None:
        self.session.emit(
            ActDone(
                self.session.scenario,
                doing.name,
                doing.step.part,
                doing.step.act.kind,
                answer.summary,
                answer.elapsed_ms,
                doing.trace,
                answer.evidence,
                answer.outcomes,
            )
        )

    def _irregular(self, doing: Doing) -> list[AssertionDone]:
        """Report what is wrong with a feed's frames as failures of the step in which it showed."""
        found = []
        for name, watcher in self.session.systems.watchers.items():
            if not isinstance(watcher, WsWatcher):
                continue
            for label, wanted, one in watcher.untold():
                check = Check(label, wanted, brief(one.data), ok=False)
                answer = Answer("ws", "", doing.started, 0.0, evidence=one.evidence)
                found.append(self.session.say_check(doing, check, doing.step.place, answer, where=name))
        return found

    def _done(self, doing: Doing, verdict: Verdict) -> None:
        elapsed = round((time.monotonic() - doing.started) * 1000, 1)
        step = doing.step
        self.session.emit(StepDone(self.session.scenario, doing.name, step.part, verdict, elapsed))


def _system(step: Step) -> str:
    """Return the system that a step's act talks to."""
    return "http" if step.act.kind == "race" else step.act.kind
