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
from ccops.smoke.watchers import Watcher
from ccops.smoke.watchers_kafka import KafkaWatcher
from ccops.smoke.watchers_ws import WsWatcher


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
        """Say of every feed whether its numbering was whole, and of every lost watcher that it was lost."""
        for watch in self.watches:
            watcher = self.session.systems.watchers.get(watch.name)
            if watcher is None:
                continue
            lost = not watcher.armed and watcher.state not in {"not armed", "dropped by the scenario"}
            if lost:
                self.session.emit(
                    Noted(self.session.scenario, "WATCHER_LOST", f"{watch.name}: {watcher.state}")
                )
            whole = isinstance(watcher, WsWatcher) and watcher.frames and not watcher.irregular
            if lost or whole:
                self._say(watch, watcher, lost)

    def _say(self, watch: Watch, watcher: Watcher, lost: bool) -> None:
        places = [one.evidence for one in watcher.log if one.data.get("seq") is not None]
        span = f", {places[0]} to {places[-1]}" if places else ""
        numbered = isinstance(watcher, WsWatcher)
        self.session.emit(
            AssertionDone(
                scenario=self.session.scenario,
                part=0,
                step="",
                system=watcher.system,
                where=watch.name,
                label="every frame once, in order" if numbered else "watched to the end",
                place=watch.place,
                wanted="no hole, no repeat in seq" if numbered else "connected to the end",
                observed=f"{len(watcher.log)} seen{span}",
                verdict=Verdict.NOT_EVALUATED if lost else Verdict.PASSED,
                elapsed_ms=0.0,
                trace="",
                evidence=places[-1] if places else "",
                reason=watcher.state if lost else "",
                lost=lost,
            )
        )
