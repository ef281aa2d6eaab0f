"""Hearing that this process is to end, before the server waits for its open answers.

uvicorn ends the lifespan last: an answer that has no end of its own, such as an event stream, would hold the
stop until the server loses its patience. So we listen to the same signals and pass them on.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import cast

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
Handler = Callable[[int, FrameType | None], object]


@contextmanager
def stopping() -> Iterator[asyncio.Event]:
    """Yield an event of the running loop that is set when the process is told to stop."""
    event, loop = asyncio.Event(), asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        yield event  # signals belong to the main thread; a server in a test thread is stopped otherwise
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def heard(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(event.set)
        passed_on = before[signal.Signals(number)]
        if callable(passed_on):
            cast(Handler, passed_on)(number, frame)

    for number in _SIGNALS:
        signal.signal(number, heard)
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
