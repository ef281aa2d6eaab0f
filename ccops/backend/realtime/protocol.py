"""uvicorn's WebSocket protocol with our two close codes: no pong (4408), and a peer that does not read."""

from __future__ import annotations

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

CLOSE_NO_PONG = 4408
PING_EVERY_S = 15.0
PONG_WITHIN_S = 10.0
_FLUSH_S = 2.0


class SyncProtocol(WebSocketsSansIOProtocol):
    """Pings are WebSocket pings: every client answers them by itself, also a browser."""

    def keepalive_timeout(self) -> None:
        """Close a socket that sent no pong for 25 s (ping each 15 s, answer within 10 s)."""
        self.pong_timer = None
        self.pending_ping_payload = None
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.fail(CLOSE_NO_PONG, "no pong")
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.loop.call_later(_FLUSH_S, self.transport.abort)
        self.transport.close()

    async def send(self, message: ASGISendEvent) -> None:
        """Send; a close does not wait for a peer that stopped reading."""
        if message["type"] == "websocket.close" and not self.writable.is_set():
            self.writable.set()
            self.loop.call_later(_FLUSH_S, self.transport.abort)
        await super().send(message)
