"""Server-sent events: one answer that goes on until the client, the server or its patience ends it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from ccops.backend.utils.tasks import cancel

log = logging.getLogger("ccops.backend.sse")

COMMENT_S = 15.0
WRITE_S = 10.0
# Proxies close what is silent; browsers reconnect by themselves, and this says how soon.
_HELLO = b"retry: 2000\n\n"
_COMMENT = b": still here\n\n"
_END: Message = {"type": "http.response.body", "body": b"", "more_body": False}
_GOODBYE_S = 1.0


class StreamEnded(Exception):
    """The source has no more events for this client."""


class EventStream(Response):
    """Sends what `events` yields; a comment every 15 s when it yields nothing; ends when `stop` is set.

    `leave` is called in every case. A client that does not take a chunk within `write_s` is left. After
    `last_s` seconds the answer ends by itself: no stream outlives the token that opened it.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[bytes, None],
        stop: asyncio.Event,
        leave: Callable[[], None],
        *,
        write_s: float = WRITE_S,
        last_s: float | None = None,
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        # Whatever the base class says of an empty body: this one's length is nobody's to know.
        self.raw_headers = [pair for pair in self.raw_headers if pair[0] != b"content-length"]
        self._events, self._stop, self._leave = events, stop, leave
        self._write_s, self._last_s = write_s, last_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until one side ends it."""
        writing = asyncio.create_task(self._write(send))
        watching = asyncio.create_task(_gone(receive))
        stopping = asyncio.create_task(self._stop.wait())
        tasks: set[asyncio.Task[object]] = {writing, watching, stopping}
        ended: set[asyncio.Task[object]] = set()
        try:
            ended, _ = await asyncio.wait(tasks, timeout=self._last_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel(tasks)
            self._leave()
            await self._events.aclose()
        if not writing.cancelled():
            writing.result()
        elif self._stop.is_set() or not ended:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await send(_END)

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        following: asyncio.Task[bytes] | None = None
        try:
            await self._chunk(send, _HELLO)
            while True:
                following = following or asyncio.ensure_future(_next(self._events))
                done, _ = await asyncio.wait({following}, timeout=COMMENT_S)
                if not done:
                    await self._chunk(send, _COMMENT)
                    continue
                event, following = following.result(), None
                await self._chunk(send, event)
        except StreamEnded:
            await send(_END)
        except TimeoutError:
            log.info("a client of an event stream does not read; closing it")
        finally:
            if following is not None:
                await cancel([following])

    async def _chunk(self, send: Send, chunk: bytes) -> None:
        async with asyncio.timeout(self._write_s):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _next(events: AsyncGenerator[bytes, None]) -> bytes:
    # A task may not end with StopAsyncIteration.
    try:
        return await anext(events)
    except StopAsyncIteration as error:
        raise StreamEnded from error


async def _gone(receive: Receive) -> None:
    # A body that is too large for us to read is no reason to go on.
    with contextlib.suppress(HTTPException):
        while (await receive())["type"] != "http.disconnect":
            pass


def event(identity: str, name: str, data: bytes) -> bytes:
    """Return one event; `data` must be one line."""
    return f"id: {identity}\nevent: {name}\ndata: ".encode() + data + b"\n\n"
