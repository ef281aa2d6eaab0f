"""A client that keeps losing its connection, and everything it was told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

_PATIENCE_S = 15.0


@dataclass
class Walker:
    """One user's client. `faults` are holes, repeats and refused recoveries; it must stay empty."""

    user_id: int
    token: str
    urls: Sequence[str]
    chance: random.Random
    epoch: str = ""
    last: int = 0
    events: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    connects: int = 0
    replayed: int = 0
    snapshots: list[dict] = field(default_factory=list)
    # Where a new stream begins: the client's own place once it has the snapshot of what was before.
    promised: tuple[str, int] | None = None
    may_lose: bool = False

    async def walk(self, rounds: int) -> None:
        """Connect and lose the connection `rounds` times, at random moments and in random ways."""
        for _ in range(rounds):
            await self.once(self.chance.choice((0.0, 0.02, 0.1)) * self.chance.random() * 2)

    async def greet(self) -> None:
        """Connect for the first time and learn where the stream begins."""
        connection = await self._connect()
        while not self.snapshots:
            self.take(json.loads(await asyncio.wait_for(connection.recv(), _PATIENCE_S)))
        await connection.close()

    async def once(self, seconds: float) -> None:
        """Connect, read for a while (0: hardly the handshake), and break off."""
        with contextlib.suppress(OSError, TimeoutError, WebSocketException):
            async with asyncio.timeout(_PATIENCE_S):
                connection = await self._connect()
            self.connects += 1
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._read(connection)
            finally:
                await self._break(connection)

    async def until(self, top: int, epoch: str) -> None:
        """Stay connected until frame `top` of `epoch` was read."""
        async with asyncio.timeout(_PATIENCE_S):
            while (self.epoch, self.last) != (epoch, top):
                with contextlib.suppress(OSError, WebSocketException):
                    connection = await self._connect()
                    self.connects += 1
                    try:
                        async for text in connection:
                            self.take(json.loads(text))
                            if (self.epoch, self.last) == (epoch, top):
                                break
                    finally:
                        await connection.close()
                await asyncio.sleep(0.01)

    async def _connect(self) -> ClientConnection:
        url = f"{self.chance.choice(self.urls)}/api/realtime/sync"
        if self.epoch:
            url += f"?epoch={self.epoch}&last_seq={self.last}"
        protocols = ["cc.v1", f"bearer.{self.token}"]
        return await connect(url, subprotocols=protocols, proxy=None, close_timeout=0.2, compression=None)

    async def _read(self, connection: ClientConnection) -> None:
        async for text in connection:
            self.take(json.loads(text))

    async def _break(self, connection: ClientConnection) -> None:
        if self.chance.random() < 0.5:
            connection.transport.abort()
        with contextlib.suppress(InvalidHandshake, OSError):
            await connection.close()

    def take(self, frame: dict) -> None:
        """Note a frame, and what is wrong with it."""
        if frame["type"] == "sync_connected":
            hello = frame["data"]
            if self.epoch and not hello["recovered"] and not self.may_lose:
                self.faults.append(f"not recovered: {self.epoch}:{self.last} at {hello}")
            self.promised = None if hello["recovered"] else (hello["epoch"], hello["seq"])
        elif frame["type"] == "initial_state":
            self.snapshots.append(frame["data"])
            if self.promised:
                self.epoch, self.last = self.promised
        elif "seq" in frame:
            if (frame["epoch"], frame["seq"]) != (self.epoch, self.last + 1):
                self.faults.append(f"{frame['epoch']}:{frame['seq']} after {self.epoch}:{self.last}")
            self.last = frame["seq"]
            self.events.append(frame["event_id"])
            self.replayed += bool(frame.get("replay"))
