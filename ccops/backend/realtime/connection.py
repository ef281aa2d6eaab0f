"""One socket: a bounded queue, a writer, a reader, and one way to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from ccops.backend import metrics
from ccops.backend.core.config import settings
from ccops.backend.realtime import codes, inbox
from ccops.backend.realtime.frames import Frame, control

log = logging.getLogger("ccops.backend.realtime")

QUEUE_FRAMES = 64
BUFFERED_FRAMES = 1_024


class Connection:
    """A socket of one session. Frames offered before `go_live` wait in a buffer: no hole, no repeat."""

    def __init__(self, socket: WebSocket, user_id: int, family: str = "") -> None:
        self.id = secrets.token_hex(8)
        self.user_id = user_id
        self.family = family
        self.entered = False  # in the register of open sockets, and ended when it is no longer there
        self.ended: asyncio.Future[tuple[int | None, str]] = asyncio.get_running_loop().create_future()
        self._socket = socket
        self._queue: asyncio.Queue[Frame | str] = asyncio.Queue(QUEUE_FRAMES)
        self._buffer: list[Frame] | None = []
        self._epoch = ""
        self._last = self._sent = self._acked = 0

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
            self.end(codes.RESTART, "a frame is missing; reconnect")
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
            self._sent = frame.seq
            metrics.realtime_sent.labels(frame.type).inc()

    async def go_live(self, epoch: str, last: int) -> None:
        """Write what arrived since `last`, then let the writer take over. Nothing awaits in between."""
        self._epoch, self._last, self._sent = epoch, last, last
        while self._buffer:
            waiting, self._buffer = self._buffer, []
            for frame in waiting:
                if frame.seq > self._last + 1:
                    self.end(codes.RESTART, "a frame is missing; reconnect")
                    return
                if frame.seq == self._last + 1:
                    self._last = frame.seq
                    await self._write(frame)
        self._buffer = None

    async def write(self) -> None:
        """Write queued frames until cancelled; in silence a heartbeat, which a browser can see."""
        while True:
            try:
                async with asyncio.timeout(settings.ws_ping_every_s):
                    item = await self._queue.get()
            except TimeoutError:
                item = self._position("heartbeat")
            if isinstance(item, Frame):
                await self._write(item)
            else:
                await self._socket.send_text(item)

    async def read(self) -> None:
        """Answer the client's messages until it leaves, floods or sends too much."""
        rate = inbox.Rate(inbox.MESSAGES_A_SECOND)
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                self.end(None)
                return
            text = message.get("text") or message.get("bytes") or b""
            raw = text.encode() if isinstance(text, str) else text
            if len(raw) > inbox.MESSAGE_BYTES:
                self.end(codes.TOO_LONG, f"a message is longer than {inbox.MESSAGE_BYTES} bytes")
                return
            if rate.exceeded():
                self.end(codes.FLOOD, f"more than {inbox.MESSAGES_A_SECOND} messages a second")
                return
            if answer := self._answer(raw):
                self._enqueue(answer)

    async def close(self, code: int | None, reason: str) -> None:
        """Send the close frame if somebody is left to read it."""
        if code is None:
            return
        metrics.ws_closed.labels(str(code)).inc()
        with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError):
            await self._socket.close(code, reason)

    def _answer(self, raw: bytes) -> str:
        """Return what to answer; empty when nothing."""
        message = inbox.parse(raw)
        if message is None:
            return self._error("BAD_MESSAGE")
        if message.type == "ping":
            return self._position("pong")
        if message.type == "subscribe":
            return self._subscribe(message.topics)
        if message.type == "ack":
            if message.seq > self._sent:
                return self._error("BAD_ACK")
            self._acked = max(self._acked, message.seq)
        return ""

    def _subscribe(self, topics: list[str]) -> str:
        if inbox.foreign(topics, self.user_id):
            self.end(codes.FORBIDDEN, "that stream is somebody else's")
            return ""
        if inbox.unknown(topics, self.user_id):
            return self._error("UNKNOWN_TOPIC")
        return control("subscribed", self.user_id, {"topics": [inbox.TOPIC]})

    def _error(self, code: str) -> str:
        return control("error", self.user_id, {"code": code})

    def _position(self, kind: str) -> str:
        where = {"epoch": self._epoch, "seq": self._sent, "acked": self._acked}
        return control(kind, self.user_id, where)

    async def _write(self, frame: Frame) -> None:
        await self._socket.send_text(frame.text)
        self._sent = frame.seq
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
        self.end(codes.SLOW, "too slow; reconnect")
