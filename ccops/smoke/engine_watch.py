"""Arm the watchers of a scenario: Kafka at the start, feeds when their step has given them a token."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from ccops.smoke.engine_session import Session
from ccops.smoke.events import AssertionDone, Noted, Verdict
from ccops.smoke.expressions import render
from ccops.smoke.model import Watch
from ccops.smoke.probes.base import Observation, brief
from ccops.smoke.watchers import Watcher
from ccops.smoke.watchers_kafka import KafkaWatcher
from ccops.smoke.watchers_ws import AS_PROMISED, IN_ORDER, WsWatcher

_CONNECTED = "connected to the end"


@dataclass(slots=True)
class Watches:
    """The watchers of one run."""

    session: Session
    watches: Sequence[Watch]
    _opened: set[str] = field(default_factory=set)

    async def declare(self) -> None:
        """Make every watcher known and arm those of Kafka. Raises Unreachable when one can't be armed."""
        jobs = []
        for watch in self.watches:
            watcher = self.session.systems.watch(watch, render(watch.target, self.session.scope))
            if isinstance(watcher, KafkaWatcher):
                jobs.append(watcher.open())
            elif isinstance(watcher, WsWatcher):
                watcher.token = partial(self._token, watch)
        await asyncio.gather(*jobs)

    async def open_after(self, step: str) -> None:
        """Open the feeds that wait for `step` ("" = before the first). Raises Unreachable when one fails."""
        for watch in self.watches:
            watcher = self.session.systems.watchers[watch.name]
            if watch.open_after != step or watch.name in self._opened or not isinstance(watcher, WsWatcher):
                continue
            self._opened.add(watch.name)
            await watcher.open()

    def _token(self, watch: Watch) -> str:
        return str(render(watch.auth, self.session.scope) or "")

    def conclude(self) -> None:
        """Say of every feed whether its frames were right, and of every lost watcher that it was lost."""
        for watch in self.watches:
            watcher = self.session.systems.watchers.get(watch.name)
            if watcher is None:
                continue
            lost = not watcher.armed and watcher.state not in {"not armed", "dropped by the scenario"}
            if lost:
                self.session.emit(
                    Noted(self.session.scenario, "WATCHER_LOST", f"{watch.name}: {watcher.state}")
                )
            if isinstance(watcher, WsWatcher):
                self._say_frames(watch, watcher, lost=lost)
            elif lost:
                self._say(watch, watcher, Verdict.NOT_EVALUATED, ("watched to the end", _CONNECTED))

    def _say_frames(self, watch: Watch, watcher: WsWatcher, *, lost: bool) -> None:
        """Say what no step has said: what came after the last one, and that all was well."""
        for label, wanted, one in watcher.untold():
            self._say(watch, watcher, Verdict.FAILED, (label, wanted), one)
        broken = {label for label, _, _ in watcher.found()}
        rules = (IN_ORDER, AS_PROMISED) if watcher.schemas else (IN_ORDER,)
        for rule in rules:
            if lost:
                self._say(watch, watcher, Verdict.NOT_EVALUATED, rule)
            elif watcher.frames and rule[0] not in broken:
                self._say(watch, watcher, Verdict.PASSED, rule)

    def _say(
        self,
        watch: Watch,
        watcher: Watcher,
        verdict: Verdict,
        rule: tuple[str, str],
        wrong: Observation | None = None,
    ) -> None:
        places = [one.evidence for one in watcher.log if one.data.get("seq") is not None]
        span = f", {places[0]} to {places[-1]}" if places else ""
        lost = verdict is Verdict.NOT_EVALUATED
        self.session.emit(
            AssertionDone(
                scenario=self.session.scenario,
                part=0,
                step="",
                system=watcher.system,
                where=watch.name,
                label=rule[0],
                place=watch.place,
                wanted=rule[1],
                observed=brief(wrong.data) if wrong else f"{len(watcher.log)} seen{span}",
                verdict=verdict,
                elapsed_ms=0.0,
                trace="",
                evidence=wrong.evidence if wrong else places[-1] if places else "",
                reason=watcher.state if lost else "",
                lost=lost,
            )
        )
