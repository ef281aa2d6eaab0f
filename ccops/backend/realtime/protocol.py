"""uvicorn's WebSocket protocol with our close codes: no pong, a flood of frames, a message of any size."""

from __future__ import annotations

import logging

from uvicorn._types import ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame
from websockets.server import ServerProtocol

from ccops.backend import metrics
from ccops.backend.core.config import settings
from ccops.backend.realtime import codes
from ccops.backend.realtime.inbox import MESSAGE_BYTES, Rate

PING_EVERY_S = settings.ws_ping_every_s
PONG_WITHIN_S = settings.ws_pong_within_s
# Frames of any kind: also pings, and pieces of a message that never ends, cost work and memory.
FRAMES_A_SECOND = 200
_FLUSH_S = 2.0
_LISTEN_ON_S = 1.0


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
        self._frames = Rate(FRAMES_A_SECOND)

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

    def handle_ping(self) -> None:
        """Answer a ping."""
        super().handle_ping()
        self._count()

    def handle_cont(self, event: Frame) -> None:
        """Take a piece of a message."""
        super().handle_cont(event)
        self._count()

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

    def _count(self) -> None:
        if self._frames.exceeded() and not self.close_sent:
            metrics.ws_closed.labels(str(codes.FLOOD)).inc()
            self.conn.fail(codes.FLOOD, f"more than {FRAMES_A_SECOND} frames a second")
            self.handle_parser_exception()
