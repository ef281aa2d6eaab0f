"""Run one scenario against the systems of a profile, from guard to verdict."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from ccops.core.errors import CcopsError, ExitCode, Refused, UsageError
from ccops.core.masking import Masker
from ccops.core.profile import Profile
from ccops.smoke.engine import Engine
from ccops.smoke.engine_effects import Effects
from ccops.smoke.engine_invariants import Invariants
from ccops.smoke.engine_judge import Judge
from ccops.smoke.engine_session import Aborted, Session
from ccops.smoke.engine_systems import Systems, Targets, systems_of
from ccops.smoke.engine_walk import Walk, chosen
from ccops.smoke.engine_watch import Watches
from ccops.smoke.events import Event, Noted, RunDone, RunStarted, Stream, Verdict
from ccops.smoke.events_mask import masked
from ccops.smoke.expressions import render
from ccops.smoke.functions import make_functions
from ccops.smoke.model import Scenario
from ccops.smoke.timeline import witness

TEARDOWN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller chose. `first` and `last` name steps; `confirm` a scenario for a protected profile."""

    variables: Mapping[str, str] = field(default_factory=dict)
    first: str = ""
    last: str = ""
    timeout_s: float = 300.0
    confirm: str = ""
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `error` is what kept it from being a verdict at all."""

    scenario: str
    run_id: str
    exit_code: ExitCode
    error: CcopsError | None = None


def guard(scenario: Scenario, profile: Profile, options: Options) -> None:
    """Raise Refused when `scenario` changes things on a protected profile and was not confirmed by name."""
    if scenario.mutates and profile.protected and options.confirm != scenario.name:
        raise Refused(
            "ENV_PROTECTED",
            f"scenario {scenario.name} changes data and {profile.env} is protected",
            evidence=f"CCOPS_PROTECTED=1 in env/{profile.env}.env",
            next_step=f"ccops smoke run {scenario.name} --env {profile.env} --confirm {scenario.name}",
        )


async def run_scenario(
    scenario: Scenario, profile: Profile, stream: Stream, options: Options, masker: Masker | None = None
) -> Outcome:
    """Run `scenario` and tell `stream` everything. Cancelling it runs the teardown and gives 130.

    Raises Refused before anything is touched; every other failure is part of the outcome.
    """
    guard(scenario, profile, options)
    chosen(scenario, options.first, options.last)
    run = Run(scenario, Targets.of(profile), stream, options, masker or Masker())
    return await run.execute()


class Run:
    """One run of one scenario."""

    def __init__(
        self, scenario: Scenario, targets: Targets, stream: Stream, options: Options, masker: Masker
    ) -> None:
        self.scenario, self.targets, self.options = scenario, targets, options
        self.run_id = options.run_id or secrets.token_hex(4)
        self.acted = self.began = False  # what never acted has nothing to tear down
        self.judge, self._stream, self._masker = Judge(), stream, masker
        for password in targets.passwords():
            masker.add(password)
        systems = Systems(targets)
        self.session = Session(scenario.name, self.run_id, systems, self._emit, {}, masker, witness(systems))
        self.effects = Effects(self.session)
        self.watches = Watches(self.session, scenario.watch)
        self.engine = Engine(self.session, self.effects, self.watches.open_after)
        self.invariants = Invariants(self.session, scenario.invariants)
        self.walk = Walk(scenario, self.engine, self.effects, self.judge, options.first, options.last)

    async def execute(self) -> Outcome:
        """Run setup, steps, teardown; always end with one RunDone."""
        begun, error, reason = time.monotonic(), None, ""
        codes: list[ExitCode] = []
        self._started()
        try:
            async with asyncio.timeout(self.options.timeout_s):
                await self._prepare()
                reason = await self.walk.all()
        except TimeoutError:
            reason = f"timed out after {self.options.timeout_s:g} s"
            codes.append(ExitCode.NEGATIVE)
        except asyncio.CancelledError:
            _uncancel()
            reason = "interrupted"
            codes.append(ExitCode.INTERRUPTED)
        except CcopsError as problem:
            error, reason = problem, problem.message
            codes.append(problem.exit_code)
        try:
            await self._end(reason)
        finally:
            code = self.judge.exit_code(codes)
            reason = reason or self.judge.nothing()
            self._done(code, begun, reason)
        return Outcome(self.scenario.name, self.run_id, code, error)

    def _emit(self, event: Event) -> None:
        safe = masked(event, self._masker)
        self.judge.hear(safe)
        self._stream.emit(safe)

    def _started(self) -> None:
        systems = systems_of(self.scenario)
        self._emit(
            RunStarted(
                self.scenario.name,
                self.run_id,
                self.scenario.title,
                self.targets.env,
                self.targets.addresses(systems),
                len(self.scenario.parts),
                self._notes(),
            )
        )

    def _notes(self) -> tuple[str, ...]:
        if "prom" not in systems_of(self.scenario) or "prom" in self.targets.urls:
            return ()
        return ("Prometheus does not run: prom assertions read /metrics of backend and worker directly",)

    async def _prepare(self) -> None:
        scope, scenario = self.session.scope, self.scenario
        scope |= make_functions(self.run_id)
        scope |= {**self.targets.names(), "run_id": self.run_id}
        self._variables()
        await self.session.waiting(self.session.systems.require(systems_of(scenario)))
        await self.session.waiting(self.watches.declare())
        self.acted = True
        for step in scenario.setup:
            await self.engine.step(step)
        await self.watches.open_after("")
        self.invariants.start()
        self.began = True

    def _variables(self) -> None:
        scope, given = self.session.scope, dict(self.options.variables)
        if unknown := [name for name in given if name not in {**self.scenario.vars, **self.scenario.secrets}]:
            raise UsageError(
                "VAR_UNKNOWN",
                f"scenario {self.scenario.name} has no variable {unknown[0]!r}",
                evidence=f"it has: {', '.join([*self.scenario.vars, *self.scenario.secrets]) or 'none'}",
                next_step=f"ccops smoke show {self.scenario.name}",
            )
        for name, value in self.scenario.vars.items():
            scope[name] = _like(value, given[name]) if name in given else render(value, scope)
        for name, value in self.scenario.secrets.items():
            scope[name] = given.get(name) or render(value, scope)
            self._masker.add(str(scope[name]))

    async def _end(self, reason: str) -> None:
        """Decide what is pending, sample the invariants, tear down once, close; always bounded."""
        try:
            await self.effects.abandon(reason or "the run ended")
            if self.began:
                await self.walk.close_parts()
            self.watches.conclude()
            if self.scenario.invariants and self.began:
                async with asyncio.timeout(TEARDOWN_SECONDS):
                    await self.invariants.finish()
        except TimeoutError:
            self._emit(Noted(self.scenario.name, "INVARIANTS_SLOW", "the last samples did not come in time"))
        finally:
            try:
                await self._teardown()
            finally:
                await self.invariants.stop()
                await self.session.waiting(self.session.systems.close())

    async def _teardown(self) -> None:
        for step in self.scenario.teardown if self.acted else ():
            try:
                async with asyncio.timeout(TEARDOWN_SECONDS):
                    await self.engine.step(step)
            except (Aborted, CcopsError, TimeoutError) as problem:
                said = str(problem) or f"no end within {TEARDOWN_SECONDS:g} s"
                self._emit(Noted(self.scenario.name, "TEARDOWN_FAILED", f"teardown step {step.id}: {said}"))

    def _done(self, code: ExitCode, begun: float, reason: str) -> None:
        counts = self.judge.counts
        self._emit(
            RunDone(
                self.scenario.name,
                code,
                counts[Verdict.PASSED],
                counts[Verdict.FAILED],
                counts[Verdict.NOT_EVALUATED],
                round((time.monotonic() - begun) * 1000, 1),
                reason,
                round(self.session.waited * 1000, 1),
                self._notes(),
            )
        )


def _like(default: object, text: str) -> object:
    """Return `text` as the kind of value the scenario has by default, so that `--var n=3` is a number."""
    if isinstance(default, bool):
        return text.lower() in {"1", "true", "yes"}
    for kind in (int, float):
        if isinstance(default, kind):
            try:
                return kind(text)
            except ValueError:
                return text
    return text


def _uncancel() -> None:
    """Take note of the interrupt: from here on the clean-up may await again."""
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
