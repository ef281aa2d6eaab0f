"""Arm the watchers of a scenario: Kafka at the start, feeds when their step has given them a token."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from ccops.smoke.engine_session import Session
from ccops.smoke.events import AssertionDone, Noted, Verdict
from ccops.smoke.expressions import render
from ccops.smoke.model import Watch
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
        await asyncio.gather(*jobs)

    async def open_after(self, step: str) -> None:
        """Open the feeds that wait for `step` ("" = before the first). Raises Unreachable when one fails."""
        for watch in self.watches:
            watcher = self.session.systems.watchers[watch.name]
            if watch.open_after != step or watch.name in self._opened or not isinstance(watcher, WsWatcher):
                continue
            self._opened.add(watch.name)
            token = render(watch.auth, self.session.scope)
            await watcher.open(str(token or ""))

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
            if isinstance(watcher, WsWatcher) and (watcher.frames or lost) and not watcher.irregular:
                self._say(watch, watcher, lost)

    def _say(self, watch: Watch, watcher: WsWatcher, lost: bool) -> None:
        places = [one.evidence for one in watcher.log if one.data.get("seq") is not None]
        span = f", {places[0]} to {places[-1]}" if places else ""
        self.session.emit(
            AssertionDone(
                scenario=self.session.scenario,
                part=0,
                step="",
                system="ws",
                where=watch.name,
                label="every frame once, in order",
                place=watch.place,
                wanted="no hole, no repeat in seq",
                observed=f"{watcher.frames} frames{span}",
                verdict=Verdict.NOT_EVALUATED if lost else Verdict.PASSED,
                elapsed_ms=0.0,
                trace="",
                evidence=places[-1] if places else "",
                reason=watcher.state if lost else "",
                lost=lost,
            )
        )
