"""A thousand WebSocket clients at little cost: frames are cut out of the bytes, and only their ids are read.

A general client costs more CPU a frame than the server under test; on shared cores that would be measured.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Callable, Sequence

from tests.bench.machine import BenchFailed

_EVENT_ID = b'"event_id":"'
_READY = b'"backfill_complete"'
Seen = Callable[[int, bytes, float], None]


class Socket(asyncio.Protocol):
    """One client. `seen(number, event id, time)` is called for each frame that carries an event."""

    def __init__(self, number: int, token: str, seen: Seen) -> None:
        self._number, self._token, self._seen = number, token, seen
        self._buffer = bytearray()
        self._open = False
        self._transport: asyncio.Transport | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            "GET /api/realtime/sync HTTP/1.1", "Host: 127.0.0.1", "Connection: Upgrade", "Upgrade: websocket",
            "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}",
            f"Sec-WebSocket-Protocol: cc.v1, bearer.{self._token}", "", "",
        )  # fmt: skip
        transport.write("\r\n".join(lines).encode())  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        now = time.time()
        self._buffer += data
        if not self._open:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._buffer.startswith(b"HTTP/1.1 101"):
                self._fail(f"handshake: {bytes(self._buffer[:60])!r}")
            self._open = True
            del self._buffer[: end + 4]
        self._frames(now)

    def _frames(self, now: float) -> None:
        while len(self._buffer) >= 2:
            size, head = self._buffer[1] & 0x7F, 2
            if size >= 126:
                wide = 2 if size == 126 else 8
                size, head = int.from_bytes(self._buffer[2 : 2 + wide], "big"), 2 + wide
            if len(self._buffer) < head + size:
                return
            self._frame(self._buffer[0] & 0x0F, bytes(self._buffer[head : head + size]), now)
            del self._buffer[: head + size]

    def _frame(self, kind: int, body: bytes, now: float) -> None:
        if kind == 9 and self._transport is not None:  # a ping: answer it, masked with zeros
            self._transport.write(bytes([0x8A, 0x80 | len(body), 0, 0, 0, 0]) + body)
        elif kind == 8:
            self._fail(f"closed with {int.from_bytes(body[:2], 'big')}")
        elif not self.ready.done():
            if _READY in body:
                self.ready.set_result(None)
        else:
            at = body.rfind(_EVENT_ID)
            if at >= 0:
                start = at + len(_EVENT_ID)
                self._seen(self._number, body[start : start + 36], now)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"connection lost: {error}")

    def close(self) -> None:
        """Leave."""
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, why: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(BenchFailed(why))


async def connected(port: int, tokens: Sequence[str], seen: Seen, *, at_once: int = 50) -> list[Socket]:
    """Return one client a token, all of them past their handshake. Raises BenchFailed for a refusal."""
    loop, made = asyncio.get_running_loop(), list[Socket]()
    for start in range(0, len(tokens), at_once):
        batch = []
        for number in range(start, min(start + at_once, len(tokens))):
            _, one = await loop.create_connection(
                lambda number=number: Socket(number, tokens[number], seen),  # type: ignore[misc]
                "127.0.0.1",
                port,
            )
            batch.append(one)
        async with asyncio.timeout(60):
            await asyncio.gather(*(one.ready for one in batch))
        made += batch
    return made
