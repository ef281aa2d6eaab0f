"""Ending one of several processes that share a port, so that no client of HTTP notices."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import cast

import uvicorn

from ccops.backend.core.config import settings
from ccops.backend.realtime.protocol import SyncProtocol

log = logging.getLogger("ccops.backend.draining")

# A connection that was accepted a moment ago has sent its request by then, and whoever keeps a connection
# busy was told to leave it.
DRAIN_S = 0.5
_TURN_S = 0.001
# Without a free descriptor the socket stays readable: trying again and again at once would take a whole core.
_FULL_S = 0.2
_FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_LEAVE = (b"connection", b"close")


class DrainingServer(uvicorn.Server):
    """Takes its share of new connections; at the end leaves them to its siblings before it closes any."""

    def __init__(self, config: uvicorn.Config, shared: socket.socket) -> None:
        super().__init__(config)
        self._shared = shared
        self._again: asyncio.TimerHandle | None = None
        self._opening: set[asyncio.Task[object]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as usual on `sockets`, then take from the shared one too."""
        await super().startup(sockets)
        self._shared.setblocking(False)
        self._listen()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, answer with `Connection: close` for a while, then end as usual (sockets: 1012)."""
        asyncio.get_running_loop().remove_reader(self._shared)
        if self._again is not None:
            self._again.cancel()
        self._shared.close()
        for server in self.servers:
            server.close()
        self.server_state.default_headers = [*self.server_state.default_headers, _LEAVE]
        await asyncio.sleep(DRAIN_S)
        await super().shutdown(sockets)

    def _listen(self) -> None:
        asyncio.get_running_loop().add_reader(self._shared, self._accept)

    def _accept(self) -> None:
        """Take one connection, then let a sibling: who empties the queue has all sockets of a burst."""
        loop = asyncio.get_running_loop()
        try:
            accepted, _ = self._shared.accept()
        except OSError as error:  # a sibling was quicker, or the client has left
            if error.errno in _FULL:
                log.error("no connection can be taken: %s", error.strerror)
                self._pause(_FULL_S)
            return
        self._pause(_TURN_S)
        task: asyncio.Task[object] = loop.create_task(loop.connect_accepted_socket(self._protocol, accepted))
        self._opening.add(task)
        task.add_done_callback(self._opened)

    def _pause(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._shared)
        self._again = loop.call_later(seconds, self._listen)

    def _opened(self, task: asyncio.Task[object]) -> None:
        self._opening.discard(task)
        if not task.cancelled() and isinstance(task.exception(), Exception):
            log.warning("a connection was lost while it was opened: %s", task.exception())

    def _protocol(self) -> asyncio.Protocol:
        protocol = cast(Callable[..., asyncio.Protocol], self.config.http_protocol_class)
        return protocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state, _loop=None
        )


class SharedSyncProtocol(SyncProtocol):
    """An upgrade during the drain must not be answered with `Connection: close`."""

    def __init__(self, *args: object, **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]  # whatever uvicorn gives its protocols
        self.default_headers = [pair for pair in self.default_headers if pair != _LEAVE]


def serve(config: uvicorn.Config) -> uvicorn.Server:
    """Serve the inherited socket that all processes listen on, and a port of our own for probes."""
    shared = socket.socket(fileno=settings.listen_fd)
    own = socket.socket(shared.family, socket.SOCK_STREAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.bind((settings.http_host, settings.process_port))
    server = DrainingServer(config, shared)
    server.run(sockets=[own])
    return server
