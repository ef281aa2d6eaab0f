"""Ending one of several processes that share a port, so that no client of HTTP notices."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

import uvicorn

from ccops.backend.core.config import settings
from ccops.backend.realtime.protocol import SyncProtocol

# A connection that was accepted a moment ago has sent its request by then, and whoever keeps a connection
# busy was told to leave it.
DRAIN_S = 0.4
_LEAVE = (b"connection", b"close")


class DrainingServer(uvicorn.Server):
    """Leaves new connections to its siblings first, then lets the present ones end, then closes."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, answer with `Connection: close` for a while, then end as usual (sockets: 1012)."""
        for server in self.servers:
            server.close()
        self.server_state.default_headers = [*self.server_state.default_headers, _LEAVE]
        await asyncio.sleep(DRAIN_S)
        await super().shutdown(sockets)


class SharedSyncProtocol(SyncProtocol):
    """An upgrade during the drain must not be answered with `Connection: close`."""

    def __init__(self, *args: object, **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]  # whatever uvicorn gives its protocols
        self.default_headers = [pair for pair in self.default_headers if pair != _LEAVE]


def sockets() -> list[socket.socket]:
    """Return the inherited socket that all processes listen on, and one of our own for probes."""
    shared = socket.socket(fileno=settings.listen_fd)
    own = socket.socket(cast(int, shared.family), socket.SOCK_STREAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.bind((settings.http_host, settings.process_port))
    return [shared, own]
