"""Ending tasks for sure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

_AGAIN_S = 0.2


async def cancel(tasks: Iterable[asyncio.Task[object]]) -> None:
    """Cancel `tasks` and wait until each has ended.

    Again until it takes: `wait_for` of Python 3.11 may swallow a cancellation that meets its result, and a
    connection attempt may do so too.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_S)
