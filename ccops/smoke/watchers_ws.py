"""Watch a WebSocket feed: every frame is kept; holes, repeats and breaches of the contract are noted too."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ccops.clients.guard import unreachable
from ccops.clients.ws import open_ws, ws_url
from ccops.smoke.frames import FrameSchemas
from ccops.smoke.probes.base import Observation, QueryFailed
from ccops.smoke.watchers import Watcher

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_ARM_SECONDS = 5.0
_CLOSED_S = 10.0
_ON_PURPOSE = "dropped by the scenario"
_NARROW, _WIDE = 4_096, 1 << 20
SCHEMA_BREACH = "watch_schema"
IN_ORDER = ("every frame once, in order", "no hole, no repeat in seq")
AS_PROMISED = ("every frame as the contract says", "no breach of its schema")
_RULES = (IN_ORDER, AS_PROMISED)


class Numbering:
    """The numbering of one user's frames: says whether the next frame is in order."""

    def __init__(self) -> None:
        self.epoch: object = None
        self.seq: int | None = None

    def restart(self, epoch: object, seq: object) -> None:
        """Begin at `seq` of `epoch`: what came before was never meant for this connection."""
        self.epoch, self.seq = epoch, seq if isinstance(seq, int) else None

    def judge(self, epoch: object, seq: int) -> Mapping[str, object] | None:
        """Return the irregularity that a frame shows, or None; then count on from that frame."""
        last, same = self.seq, self.epoch in {None, epoch}
        if last is None or not same:
            self.epoch, self.seq = epoch, seq
            return None
        if seq <= last:
            return {"type": "watch_duplicate", "seq": seq, "last": last}
        self.epoch, self.seq = epoch, seq
        if seq > last + 1:
            return {"type": "watch_gap", "missing": [last + 1, seq - 1], "seq": seq, "last": last}
        return None


class WsWatcher(Watcher):
    """One connection at a time; `reopen` resumes behind the last frame seen."""

    def __init__(self, name: str, base_url: str, path: str, schemas: FrameSchemas | None = None) -> None:
        super().__init__(name, "ws")
        self._base, self._path = base_url, path
        self.schemas = schemas
        self._breaches: set[tuple[str, str]] = set()
        self.token: Callable[[], str] = str
        self._numbers: dict[object, Numbering] = {}
        self._last_user: object = None
        self._stack = AsyncExitStack()
        self._connection: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._greeted = asyncio.Event()
        self.ended: tuple[int, str] | None = None  # how the last connection ended: code and reason
        self.frames = 0
        # What is wrong with the frames, and how much of it somebody has reported.
        self.irregular: list[Observation] = []
        self.reported = 0

    async def open(self, token: str = "", *, resume: bool = False) -> None:
        """Connect and wait for the first frame; without `token` the feed's own is asked for, as it is now.

        Raises Unreachable when no frame comes. One that says its last word in its first frame was heard.
        """
        if self._connection is not None:
            await self.drop("close")
        if not resume:
            self._numbers.clear()
        token = token or self.token()
        url = ws_url(self._base, self._path + self._resume_query(resume))
        protocols = ["cc.v1", f"bearer.{token}"] if token else []
        self._stack, self._greeted, self.ended = AsyncExitStack(), asyncio.Event(), None
        self._connection = await self._stack.enter_async_context(open_ws(url, subprotocols=protocols))
        self.become("armed")
        before = self.frames
        self._reader = asyncio.create_task(self._read(self._connection))
        try:
            await asyncio.wait_for(self._greeted.wait(), _ARM_SECONDS)
        except TimeoutError:
            await self.drop("close")
            self.become(f"no frame within {_ARM_SECONDS:g} s of the handshake")
        if not self.armed and self.frames == before:
            raise unreachable("ws", self._base, ConnectionError(f"feed {self.name}: {self.state}"))

    async def drop(self, how: str = "reset") -> None:
        """End the connection on purpose: by a TCP reset, or by a close handshake."""
        connection, self._connection = self._connection, None
        self.become(_ON_PURPOSE)
        if connection is None:
            return
        if how == "reset":
            raw = connection.transport.get_extra_info("socket")
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.transport.abort()
        with contextlib.suppress(Exception):
            await self._stack.aclose()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    async def send(self, message: object) -> None:
        """Send `message` as JSON. Raises Unreachable when not connected."""
        if self._connection is None:
            raise unreachable("ws", self._base, ConnectionError(f"feed {self.name} is {self.state}"))
        try:
            await self._connection.send(json.dumps(message))
        except Exception as error:  # noqa: BLE001 - whatever the library says, the feed is gone
            raise unreachable("ws", self._base, error) from None

    def stall(self) -> None:
        """Stop reading from the network, as a client on a dead line does; `read_on` undoes it.

        Raises Unreachable when not connected.
        """
        if self._connection is None:
            raise unreachable("ws", self._base, ConnectionError(f"feed {self.name} is {self.state}"))
        transport = self._connection.transport
        raw = transport.get_extra_info("socket")
        if raw is not None:  # else the kernel takes megabytes for us
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _NARROW)
        transport.pause_reading()

    def read_on(self) -> None:
        """Read again after `stall`."""
        if self._connection is None:
            return
        transport = self._connection.transport
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WIDE)
        transport.resume_reading()

    async def closed(self) -> tuple[int, str]:
        """Wait until the server has ended the connection; return code and reason. Raises QueryFailed."""
        self.read_on()  # who does not read never learns why
        end = time.monotonic() + _CLOSED_S
        while self.ended is None and (left := end - time.monotonic()) > 0:
            await self.wait(left)
        if self.ended is None:
            raise QueryFailed(f"feed {self.name} is still open after {_CLOSED_S:g} s")
        self.become(_ON_PURPOSE)  # demanded, so not lost
        return self.ended

    async def close(self) -> None:
        """Close the connection for good."""
        await self.drop("close")
        await super().close()

    def _resume_query(self, resume: bool) -> str:
        numbers = self._numbers.get(self._last_user)
        if not resume or numbers is None or numbers.seq is None:
            return ""
        sign = "&" if "?" in self._path else "?"
        return sign + urlencode({"epoch": str(numbers.epoch), "last_seq": numbers.seq})

    async def _read(self, connection: ClientConnection) -> None:
        try:
            async for message in connection:
                self._take(message if isinstance(message, str) else message.decode(errors="replace"))
            said = f"the server closed it (code {connection.close_code} {connection.close_reason or ''})"
        except Exception as error:  # noqa: BLE001 - every ending means the same: it is lost
            said = f"the connection broke ({type(error).__name__}: {error})"
        if self._connection is connection:
            self._connection = None
            self.ended = (connection.close_code or 1006, connection.close_reason or "")
            self.become(said)
            self._greeted.set()

    def _take(self, text: str) -> None:
        try:
            frame = json.loads(text)
        except ValueError:
            frame = {"type": "watch_not_json", "text": text[:200]}
        if not isinstance(frame, dict):
            frame = {"type": "watch_not_an_object", "value": frame}
        self.frames += 1
        seq, epoch = frame.get("seq"), frame.get("epoch")
        place = f"{epoch}:{seq}" if seq is not None else f"{self.name}#{self.frames}"
        self._number(frame, place)
        self._hold(frame, place)
        self.add(Observation(frame, place))
        self._greeted.set()

    def _hold(self, frame: Mapping[str, object], place: str) -> None:
        """Note what the contract does not say about `frame`, once for each type and place in it."""
        breach = self.schemas.judge(frame) if self.schemas else None
        if breach is None or (breach.type, breach.pointer) in self._breaches:
            return
        self._breaches.add((breach.type, breach.pointer))
        wrong = {"type": SCHEMA_BREACH, "of": breach.type, "at": breach.pointer, "said": breach.said}
        observation = Observation(wrong, place)
        self.irregular.append(observation)
        self.add(observation)

    def untold(self) -> list[tuple[str, str, Observation]]:
        """Return what is wrong and was not returned before, each with what it breaks and what was wanted."""
        new, self.reported = self.found()[self.reported :], len(self.irregular)
        return new

    def found(self) -> list[tuple[str, str, Observation]]:
        """Return all that is wrong, like `untold`."""
        return [(*_RULES[one.data.get("type") == SCHEMA_BREACH], one) for one in self.irregular]

    def _number(self, frame: Mapping[str, object], place: str) -> None:
        data = frame.get("data")
        inner = data if isinstance(data, Mapping) else {}
        user = frame.get("user_id")
        if frame.get("type") == "sync_connected":
            self._last_user = user if user is not None else self._last_user
            numbers = self._numbers.setdefault(self._last_user, Numbering())
            if numbers.seq is None or inner.get("recovered") is False or inner.get("epoch") != numbers.epoch:
                numbers.restart(inner.get("epoch"), inner.get("seq"))
            return
        seq = frame.get("seq")
        if not isinstance(seq, int):
            return
        numbers = self._numbers.setdefault(user, Numbering())
        self._last_user = user
        if wrong := numbers.judge(frame.get("epoch"), seq):
            observation = Observation({**wrong, "user_id": user, "epoch": frame.get("epoch")}, place)
            self.irregular.append(observation)
            self.add(observation)
