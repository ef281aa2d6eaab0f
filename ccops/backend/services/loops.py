"""Background loops of the backend process: each survives its own failures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

log = logging.getLogger("ccops.backend.loops")

Item = TypeVar("Item")


async def each(name: str, items: Iterable[Item], act: Callable[[Item], Awaitable[object]]) -> None:
    """Do `act` to every item: one that always fails must not hold up those behind it."""
    for item in items:
        try:
            await act(item)
        except Exception as error:  # noqa: BLE001 - the next round tries this one again
            log.warning("loop %s: %s: %s", name, type(error).__name__, error)


async def forever(
    name: str, step: Callable[[], Awaitable[None]], *, every_s: float, wake: asyncio.Event | None = None
) -> None:
    """Run `step` every `every_s` seconds, and at once when `wake` is set, until cancelled."""
    bell = wake or asyncio.Event()
    while True:
        # Cleared before the step: a ring during the step starts the next one.
        bell.clear()
        try:
            await step()
        except Exception as error:  # noqa: BLE001 - a supervisor loop: the next round is the remedy
            log.warning("loop %s: %s: %s", name, type(error).__name__, error)
        try:
            async with asyncio.timeout(every_s):
                await bell.wait()
        except TimeoutError:
            continue
