"""uvicorn's WebSocket protocol with our close codes, and a way to keep a socket without a task.

ASGI serves a socket by a coroutine that lives as long as the socket: through the framework's layers that is
half of what a silent socket costs. So an application may have an accepted socket adopted: from then on the
messages and the end are calls, frames go to the transport at once, and the application returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Protocol, cast

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol

from ccops.backend import metrics
from ccops.backend.core.config import settings
from ccops.backend.realtime import codes
from ccops.backend.realtime.inbox import MESSAGE_BYTES, Rate

PING_EVERY_S = settings.ws_ping_every_s
PONG_WITHIN_S = settings.ws_pong_within_s
# The ASGI extension under which an application finds the socket that it may have adopted.
EXTENSION = "ccops.socket"
# Frames of any kind: also pings, and pieces of a message that never ends, cost work and memory.
FRAMES_A_SECOND = 200
_FLUSH_S = 2.0
_LISTEN_ON_S = 1.0


class Owner(Protocol):
    """Who adopted a socket."""

    def received(self, raw: bytes) -> None:
        """Take a message of the client."""

    def writable(self) -> None:
        """Go on writing: what waited for the client has been sent."""

    def lost(self) -> None:
        """Take note that nothing reaches the client any more. May be called more than once."""


class _Ending:
    """In the place of uvicorn's queue: every event that it still puts there is an end."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    def put_nowait(self, _: ASGIReceiveEvent) -> None:
        self._owner.lost()


class _Kept:
    """In the place of the timer that closes: without one, uvicorn closes when the application returns."""

    def cancel(self) -> None:
        pass


class _Open(asyncio.Event):
    """In the place of an event that each socket has: nobody waits for it any more."""

    def clear(self) -> None:
        pass


_KEPT = cast(asyncio.TimerHandle, _Kept())
_OPEN = _Open()
_OPEN.set()


class _Peer(ServerProtocol):
    """Says 4413 instead of 1009: one code for what is too long, however long."""

    def fail(self, code: CloseCode | int, reason: str = "") -> None:
        """Fail the connection."""
        if code == CloseCode.MESSAGE_TOO_BIG:
            code, reason = codes.TOO_LONG, f"a message is longer than {MESSAGE_BYTES} bytes"
            metrics.ws_closed.labels(str(code)).inc()
        super().fail(code, reason)


class SyncProtocol(WebSocketsSansIOProtocol):
    """Pings are WebSocket pings: every client answers them by itself, also a browser."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, object]) -> None:
        super().__init__(config, server_state, app_state)
        logger = logging.getLogger("uvicorn.error")
        self.conn = _Peer(max_size=config.ws_max_size, logger=logger)
        self.congested = False
        self._owner: Owner | None = None
        self._frames = Rate(FRAMES_A_SECOND)

    def adopt(self, owner: Owner) -> None:
        """Serve this accepted socket for `owner` from now on; what came in already is handed on."""
        waiting, self._owner = self.queue, owner
        self.queue = cast(asyncio.Queue[ASGIReceiveEvent], _Ending(owner))
        self.writable, self.close_timer = _OPEN, _KEPT
        while not waiting.empty():
            event = waiting.get_nowait()
            if event["type"] == "websocket.disconnect":
                owner.lost()
            elif event["type"] == "websocket.receive":
                text = event.get("text")
                owner.received(text.encode() if text is not None else event.get("bytes") or b"")
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def push(self, data: bytes) -> None:
        """Write whole frames as they are; what does not go out at once waits in the transport."""
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(data)

    def finish(self, code: int, reason: str) -> None:
        """Send the close frame. It does not wait for a peer that stopped reading."""
        if self.close_sent or self.transport.is_closing():
            return
        with contextlib.suppress(InvalidState):  # the peer has sent its own
            self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        if self.congested:
            self.loop.call_later(_FLUSH_S, self.transport.abort)
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def pause_writing(self) -> None:
        """Note that the client does not take what is written."""
        self.congested = True
        super().pause_writing()

    def resume_writing(self) -> None:
        """Go on."""
        self.congested = False
        super().resume_writing()
        if self._owner is not None:
            self._owner.writable()

    def keepalive_timeout(self) -> None:
        """Close a socket that sent no pong in time (25 s: a ping each 15 s, answered within 10 s)."""
        self.pong_timer = None
        self.pending_ping_payload = None
        if self.close_sent or self.transport.is_closing():
            return
        metrics.ws_closed.labels(str(codes.NO_PONG)).inc()
        self.conn.fail(codes.NO_PONG, "no pong")
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.loop.call_later(_FLUSH_S, self.transport.abort)
        self.transport.close()

    def handle_connect(self, event: Request) -> None:
        """Take a handshake; the application is told what may be adopted."""
        super().handle_connect(event)
        if not self.close_sent:
            cast(dict[str, object], self.scope["extensions"])[EXTENSION] = self

    def handle_ping(self) -> None:
        """Answer a ping."""
        super().handle_ping()
        self._count()

    def handle_cont(self, event: Frame) -> None:
        """Take a piece of a message."""
        super().handle_cont(event)
        self._count()

    def send_receive_event_to_app(self) -> None:
        """Hand a whole message to the owner; text must be UTF-8."""
        if self._owner is None:
            super().send_receive_event_to_app()
            return
        message, self.frames = b"".join(self.frames), []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "text":
            try:
                message.decode()
            except UnicodeDecodeError:
                self.conn.send_close(CloseCode.INVALID_DATA)
                self.handle_parser_exception()
                return
        self._owner.received(message)

    def handle_parser_exception(self) -> None:
        """End after a breach of the protocol, but read on a moment: a reset would destroy the close frame."""
        if self.close_sent:
            return
        closed = self.conn.close_sent
        code, reason = (closed.code, closed.reason) if closed else (1006, "")
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        self.close_timer = self.loop.call_later(_LISTEN_ON_S, self.transport.close)

    async def send(self, message: ASGISendEvent) -> None:
        """Send; a close does not wait for a peer that stopped reading."""
        if message["type"] == "websocket.close" and not self.writable.is_set():
            self.writable.set()
            self.loop.call_later(_FLUSH_S, self.transport.abort)
        await super().send(message)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Forget the handshake of an adopted socket: names, tokens and headers are not asked for again."""
        super().on_task_complete(task)
        if self._owner is not None:
            del self.scope, self.request, self.response

    def _count(self) -> None:
        if self._frames.exceeded() and not self.close_sent:
            metrics.ws_closed.labels(str(codes.FLOOD)).inc()
            self.conn.fail(codes.FLOOD, f"more than {FRAMES_A_SECOND} frames a second")
            self.handle_parser_exception()
