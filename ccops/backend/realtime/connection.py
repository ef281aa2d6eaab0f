"""One socket: a bounded queue, a writer, a reader, and one way to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections import deque

import orjson
from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from ccops.backend import metrics
from ccops.backend.realtime.frames import Frame, control

log = logging.getLogger("ccops.backend.realtime")

QUEUE_FRAMES = 64
MESSAGE_BYTES = 4_096
MESSAGES_A_SECOND = 20
BUFFERED_FRAMES = 1_024

CLOSE_RESTART = 1012
CLOSE_TRY_LATER = 1013
CLOSE_TOKEN = 4401
CLOSE_REPLACED = 4409
CLOSE_TOO_LONG = 4413
CLOSE_FLOOD = 4429
CLOSE_SLOW = 4508


class Connection:
    """A socket of one user. Frames offered before `go_live` wait in a buffer: no hole, no duplicate."""

    def __init__(self, socket: WebSocket, user_id: int) -> None:
        self.id = secrets.token_hex(8)
        self.user_id = user_id
        self.ended: asyncio.Future[tuple[int | None, str]] = asyncio.get_running_loop().create_future()
        self._socket = socket
        self._queue: asyncio.Queue[Frame | str] = asyncio.Queue(QUEUE_FRAMES)
        self._buffer: list[Frame] | None = []
        self._last = 0

    def end(self, code: int | None, reason: str = "") -> None:
        """Ask for the end; the first reason counts. None: the peer is gone already."""
        if not self.ended.done():
            self.ended.set_result((code, reason))

    def offer(self, frame: Frame) -> None:
        """Take a live frame, never blocking: a reader that is too slow loses its connection, not a frame."""
        if self._buffer is not None:
            self._buffer.append(frame)
            if len(self._buffer) > BUFFERED_FRAMES:
                self._too_slow()
        elif frame.seq > self._last + 1:
            self.end(CLOSE_RESTART, "a frame is missing; reconnect")
        elif frame.seq == self._last + 1:
            self._last = frame.seq
            self._enqueue(frame)

    async def send(self, text: str) -> None:
        """Write a control frame now; only before `go_live`."""
        await self._socket.send_text(text)

    async def replay(self, frames: list[Frame]) -> None:
        """Write missed frames again, marked as such."""
        for frame in frames:
            await self._socket.send_text(frame.replayed)
            metrics.realtime_sent.labels(frame.type).inc()

    async def go_live(self, last: int) -> None:
        """Write what arrived since `last`, then let the writer take over. Nothing awaits in between."""
        self._last = last
        while self._buffer:
            waiting, self._buffer = self._buffer, []
            for frame in waiting:
                if frame.seq > self._last + 1:
                    self.end(CLOSE_RESTART, "a frame is missing; reconnect")
                    return
                if frame.seq == self._last + 1:
                    self._last = frame.seq
                    await self._write(frame)
        self._buffer = None

    async def write(self) -> None:
        """Write queued frames until cancelled."""
        while True:
            item = await self._queue.get()
            if isinstance(item, Frame):
                await self._write(item)
            else:
                await self._socket.send_text(item)

    async def read(self) -> None:
        """Answer the client's messages until it leaves, floods or sends too much."""
        recent: deque[float] = deque(maxlen=MESSAGES_A_SECOND)
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                self.end(None)
                return
            text = message.get("text") or message.get("bytes") or b""
            raw = text.encode() if isinstance(text, str) else text
            moment = time.monotonic()
            if len(raw) > MESSAGE_BYTES:
                self.end(CLOSE_TOO_LONG, f"a message is longer than {MESSAGE_BYTES} bytes")
                return
            if len(recent) == MESSAGES_A_SECOND and moment - recent[0] < 1:
                self.end(CLOSE_FLOOD, f"more than {MESSAGES_A_SECOND} messages a second")
                return
            recent.append(moment)
            if answer := self._answer(raw):
                self._enqueue(answer)

    async def close(self, code: int | None, reason: str) -> None:
        """Send the close frame if somebody is left to read it."""
        if code is None:
            return
        with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError):
            await self._socket.close(code, reason)

    def _answer(self, raw: bytes) -> str:
        try:
            body = orjson.loads(raw)
            kind = body["type"]
        except (ValueError, TypeError, KeyError):
            kind = None
        if kind == "ping":
            return control("pong", self.user_id, {})
        if kind == "subscribe":
            # One stream a user carries everything; topics are accepted so that clients may state interest.
            return control("subscribed", self.user_id, {"topics": ["user"]})
        if kind in ("ack", "pong"):
            return ""
        return control("error", self.user_id, {"code": "BAD_MESSAGE"})

    async def _write(self, frame: Frame) -> None:
        await self._socket.send_text(frame.text)
        metrics.realtime_sent.labels(frame.type).inc()
        metrics.realtime_lag.labels(frame.type).observe(frame.age_ms())

    def _enqueue(self, item: Frame | str) -> None:
        try:
            self._queue.put_nowait(item)
        except asyncio.QueueFull:
            self._too_slow()

    def _too_slow(self) -> None:
        if not self.ended.done():
            metrics.realtime_slow_consumer.inc()
        self.end(CLOSE_SLOW, "too slow; reconnect")
