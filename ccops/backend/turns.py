"""A few connections for one caller: who sends a hundred writes at once waits without holding one.

All writes of a user wait for one wallet row, and whoever waits for a row holds a connection. Without a bound
a single caller could hold the whole pool and stop everybody else.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Line:
    places: asyncio.Semaphore
    people: int = field(default=0)  # inside and waiting; at 0 the line is forgotten


class Turns:
    """At most `most` of one caller's requests are inside at a time; the others wait in order."""

    def __init__(self, most: int, *, within_s: float) -> None:
        self._most, self._within_s = most, within_s
        self._lines: dict[int, _Line] = {}

    def __len__(self) -> int:
        return len(self._lines)

    async def enter(self, caller: int) -> None:
        """Wait for a place; raises TimeoutError when none was free in time. Every entry needs a `leave`."""
        line = self._lines.get(caller)
        if line is None:
            line = self._lines[caller] = _Line(asyncio.Semaphore(self._most))
        line.people += 1
        try:
            if line.places.locked():
                async with asyncio.timeout(self._within_s):
                    await line.places.acquire()
            else:
                await line.places.acquire()
        except BaseException:
            self._forget(caller, line)
            raise

    def leave(self, caller: int) -> None:
        """Give the place to the next in line."""
        line = self._lines[caller]
        line.places.release()
        self._forget(caller, line)

    def _forget(self, caller: int, line: _Line) -> None:
        line.people -= 1
        if not line.people:
            del self._lines[caller]
