"""Listening sockets that outlive the processes which accept from them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable

from ccops.stack.paths import empty
from ccops.stack.service import HOST, Service

_BACKLOG = 2048


class Listeners:
    """The sockets of services with several processes, by port.

    One queue for all of them instead of SO_REUSEPORT's one each: what waits in the queue of a process is
    reset by the kernel when that process ends.
    """

    def __init__(self) -> None:
        self._sockets: dict[int, socket.socket] = {}

    def open(self, service: Service) -> int:
        """Return the descriptor for `service`; the first caller of a port opens it. Raises OSError."""
        if service.listen not in self._sockets:
            for folder in service.emptied:
                empty(folder)
            with contextlib.ExitStack() as undo:
                made = undo.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                made.bind((HOST, service.listen))
                made.listen(_BACKLOG)
                undo.pop_all()
            self._sockets[service.listen] = made
        return self._sockets[service.listen].fileno()

    def close_unused(self, wanted: Iterable[int]) -> None:
        """Close what no process accepts from any more: a client is refused rather than left waiting."""
        for port in set(self._sockets) - set(wanted):
            self._sockets.pop(port).close()
