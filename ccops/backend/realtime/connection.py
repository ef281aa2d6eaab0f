"""One socket without a task: frames go out as they come, and wait only for a client that does not read."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Protocol

from prometheus_client import Counter, Histogram

from ccops.backend import metrics
from ccops.backend.core.config import settings
from ccops.backend.realtime import codes, inbox
from ccops.backend.realtime.frames import Frame, control, wire

log = logging.getLogger("ccops.backend.realtime")

QUEUE_FRAMES = 64
BUFFERED_FRAMES = 1_024
_SLACK_S = 0.01  # a timer may ring a moment early


class Socket(Protocol):
    """What a connection needs of its transport."""

    congested: bool

    def push(self, data: bytes) -> None:
        """Write whole WebSocket frames."""

    def finish(self, code: int, reason: str) -> None:
        """Send the close frame if somebody is left to read it."""


class Connection:
    """A socket of one session. Frames offered before `go_live` wait in a buffer: no hole, no repeat."""

    __slots__ = (
        "_acked", "_buffer", "_epoch", "_expires_at", "_last", "_rate", "_room", "_sent", "_socket", "_spoke",
        "_timer", "_waiting", "ended", "entered", "family", "id", "on_end", "opening", "user_id",
    )  # fmt: skip

    def __init__(
        self, socket: Socket, user_id: int, family: str = "", *, expires_at: float | None = None
    ) -> None:
        """Take the socket of a user's session whose token expires at `expires_at` (Unix seconds)."""
        self.id = secrets.token_hex(8)
        self.user_id = user_id
        self.family = family
        self.entered = False  # in the register of open sockets, and ended when it is no longer there
        self.ended: tuple[int | None, str] | None = None
        self.on_end: Callable[[Connection], object] | None = None
        self.opening: asyncio.Task[None] | None = None  # cancelled at the end
        self._socket = socket
        self._expires_at = expires_at
        self._buffer: list[Frame] | None = []
        self._waiting: deque[Frame | bytes] | None = None
        self._room: asyncio.Future[None] | None = None
        self._rate = inbox.Rate(inbox.MESSAGES_A_SECOND)
        self._epoch = ""
        self._last = self._sent = self._acked = 0
        self._spoke = asyncio.get_running_loop().time()
        self._timer: asyncio.TimerHandle | None = None
        self._wait_for_silence()

    def end(self, code: int | None, reason: str = "") -> None:
        """End now; the first reason counts. None: the peer is gone already.

        What follows from it comes in the next turn of the loop: who ends us may be going through a list.
        """
        if self.ended is not None:
            return
        self.ended = (code, reason)
        if code is not None:
            metrics.ws_closed.labels(str(code)).inc()
            self._socket.finish(code, reason)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._waiting = None
        asyncio.get_running_loop().call_soon(self._after_end)

    def offer(self, frame: Frame) -> None:
        """Take a live frame, never blocking: a reader that is too slow loses its connection, not a frame."""
        if self.ended is not None:
            return
        if self._buffer is not None:
            self._buffer.append(frame)
            if len(self._buffer) > BUFFERED_FRAMES:
                self._too_slow()
        elif frame.seq > self._last + 1:
            self.end(codes.RESTART, "a frame is missing; reconnect")
        elif frame.seq == self._last + 1:
            self._last = frame.seq
            self._say(frame)

    async def send(self, text: str) -> None:
        """Write a control frame now; only before `go_live`."""
        await self._room_to_write()
        self._write(wire(text))

    async def replay(self, frames: list[Frame]) -> None:
        """Write missed frames again, marked as such."""
        for frame in frames:
            await self.send(frame.replayed)
            self._sent = frame.seq
            metrics.realtime_sent.labels(frame.type).inc()

    async def go_live(self, epoch: str, last: int) -> None:
        """Write what arrived since `last`; from then on frames go out as they come."""
        self._epoch, self._last, self._sent = epoch, last, last
        while self._buffer:
            waiting, self._buffer = self._buffer, []
            for frame in waiting:
                if frame.seq > self._last + 1:
                    self.end(codes.RESTART, "a frame is missing; reconnect")
                    return
                if frame.seq == self._last + 1:
                    self._last = frame.seq
                    await self._room_to_write()
                    self._write(frame)
        self._buffer = None
        self._write_waiting()

    def writable(self) -> None:
        """Go on writing."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        if self._buffer is None:
            self._write_waiting()

    def lost(self) -> None:
        """End: the peer is gone."""
        self.end(None)

    def received(self, raw: bytes) -> None:
        """Answer a message of the client, unless it floods or sends too much."""
        if self.ended is not None:
            return
        if len(raw) > inbox.MESSAGE_BYTES:
            self.end(codes.TOO_LONG, f"a message is longer than {inbox.MESSAGE_BYTES} bytes")
            return
        if self._rate.exceeded():
            self.end(codes.FLOOD, f"more than {inbox.MESSAGES_A_SECOND} messages a second")
            return
        try:
            if answer := self._answer(raw):
                self._say(wire(answer))
        except Exception:  # the socket ends; the process and its other sockets do not
            log.exception("realtime socket")
            self.end(codes.INTERNAL, "internal error")

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

    def _say(self, item: Frame | bytes) -> None:
        """Write, or have it wait its turn."""
        if self._buffer is None and not self._waiting and not self._socket.congested:
            self._write(item)
            return
        self._waiting = self._waiting or deque()
        self._waiting.append(item)
        if len(self._waiting) > QUEUE_FRAMES:
            self._too_slow()

    def _write_waiting(self) -> None:
        while self._waiting and not self._socket.congested:
            self._write(self._waiting.popleft())
        self._waiting = self._waiting or None

    async def _room_to_write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._socket.congested and self.ended is None:
            self._room = loop.create_future()
            await self._room
        self._room = None

    def _write(self, item: Frame | bytes) -> None:
        if isinstance(item, Frame):
            self._socket.push(item.wire)
            self._sent = item.seq
            sent, lag = _measured(item.type)
            sent.inc()
            lag.observe(item.age_ms())
        else:
            self._socket.push(item)
        self._spoke = asyncio.get_running_loop().time()

    def _wait_for_silence(self) -> None:
        loop = asyncio.get_running_loop()
        wait_s = max(0.0, self._spoke - loop.time() + settings.ws_ping_every_s)
        if self._expires_at is not None:
            wait_s = min(wait_s, max(0.0, self._expires_at - time.time()))
        self._timer = loop.call_later(wait_s, self._rung)

    def _rung(self) -> None:
        """End with the token; in silence send a heartbeat, which a browser can see."""
        if self._expires_at is not None and time.time() >= self._expires_at - _SLACK_S:
            self.end(codes.TOKEN, "TOKEN_EXPIRED")
            return
        now = asyncio.get_running_loop().time()
        if now >= self._spoke + settings.ws_ping_every_s - _SLACK_S:
            self._spoke = now
            if self._buffer is None and not self._waiting and not self._socket.congested:
                self._write(wire(self._position("heartbeat")))
        self._wait_for_silence()

    def _too_slow(self) -> None:
        if self.ended is None:
            metrics.realtime_slow_consumer.inc()
        self.end(codes.SLOW, "too slow; reconnect")

    def _after_end(self) -> None:
        if self.opening is not None:
            self.opening.cancel()
        if self.on_end is not None:
            self.on_end(self)


@cache
def _measured(kind: str) -> tuple[Counter, Histogram]:
    return metrics.realtime_sent.labels(kind), metrics.realtime_lag.labels(kind)
