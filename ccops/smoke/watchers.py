"""What all watchers share: a log of observations that is armed before the act and may be lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

from ccops.core.errors import Unreachable
from ccops.smoke.probes.base import Look, Observation, narrowed


class Watcher:
    """A growing log. The baseline of an effect is the length of the log just before its act.

    Looking at a watcher that is not connected raises Unreachable: silence would else count as absence.
    """

    def __init__(self, name: str, system: str) -> None:
        self.name, self.system = name, system
        self.log: list[Observation] = []
        self.state = "not armed"
        self._news = asyncio.Event()

    @property
    def armed(self) -> bool:
        return self.state == "armed"

    async def baseline(self, source: Mapping[str, object]) -> object:
        """Return the position in the log now."""
        return len(self.log)

    async def observe(self, look: Look) -> Sequence[Observation]:
        """Return what was seen since the baseline. Raises Unreachable unless the watcher is connected."""
        if not self.armed:
            raise Unreachable(
                "WATCHER_LOST",
                f"watcher {self.name} is not connected: {self.state}",
                evidence=f"it had seen {len(self.log)} observations",
                next_step="ccops status",
            )
        start = look.baseline if isinstance(look.baseline, int) else 0
        return narrowed(self.log[start:], look.by)

    async def wait(self, seconds: float) -> None:
        """Return when something new was seen or the state changed, at most after `seconds`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)

    def add(self, observation: Observation) -> None:
        """Append to the log and wake whoever waits."""
        self.log.append(observation)
        self._wake()

    def become(self, state: str) -> None:
        """Change the state and wake whoever waits."""
        self.state = state
        self._wake()

    async def close(self) -> None:
        """Stop watching."""
        self.become("closed")

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
