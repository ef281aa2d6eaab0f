"""A process that shares its port and can take no connection leaves it to the others, and rests."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import cast

import pytest
import uvicorn

from ccops.backend import draining
from ccops.backend.draining import DrainingServer


class Full:
    """A readable socket from which nothing can be accepted."""

    def __init__(self, number: int) -> None:
        self.tries, self._number = 0, number
        self._near, self._far = socket.socketpair()
        self._far.send(b"x")

    def fileno(self) -> int:
        return self._near.fileno()

    def accept(self) -> tuple[socket.socket, object]:
        self.tries += 1
        raise OSError(self._number, os.strerror(self._number))

    def close(self) -> None:
        self._near.close()
        self._far.close()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_without_a_free_descriptor_it_does_not_spin(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draining, "_FULL_S", 0.05)
    shared = Full(number)

    async def work() -> None:
        server = DrainingServer(uvicorn.Config("ccops.backend.main:app"), cast(socket.socket, shared))
        server._listen()
        await asyncio.sleep(0.3)
        asyncio.get_running_loop().remove_reader(shared)

    asyncio.run(work())
    shared.close()
    assert 2 <= shared.tries <= 7
