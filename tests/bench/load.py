"""Offer HTTP load from this process at little cost: raw keep-alive connections, one request in flight each.

A general HTTP client costs more CPU a request than the server under test; on shared cores that would be what
is measured. This one writes prepared bytes and reads only status and Content-Length.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import uvloop

Requests = Callable[[int], Iterator[bytes]]
Place = tuple[str, int]  # host, port


@dataclass(slots=True)
class Load:
    """What came of it. Latencies in seconds, one an answer, taken after the warm-up."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    sample: bytes = b""

    @property
    def per_s(self) -> float:
        """Return answers a second."""
        return len(self.latencies) / self.seconds

    def unexpected(self, *expected: int) -> dict[int, int]:
        """Return how often each status came that is not one of `expected`."""
        return {status: n for status, n in self.statuses.items() if status not in expected}


class _Caller(asyncio.Protocol):
    """One connection: the next request goes out when the answer to the last is complete."""

    def __init__(self, requests: Iterator[bytes], load: Load) -> None:
        self._requests, self._load = requests, load
        self._buffer = bytearray()
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None
        self.running, self.counting = True, False
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but inheritance
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _content_length(self._buffer, head)
        if len(self._buffer) < head + 4 + length:
            return
        self._note(int(self._buffer[9:12]))
        self._buffer.clear()
        if self.running:
            self._send()
        elif self._transport is not None:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self.running:
            self._load.statuses[0] = self._load.statuses.get(0, 0) + 1
        if not self.ended.done():
            self.ended.set_result(None)

    def _send(self) -> None:
        assert self._transport is not None
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._requests))

    def _note(self, status: int) -> None:
        if not self.counting:
            return
        self._load.latencies.append(time.perf_counter() - self._sent_at)
        self._load.statuses[status] = self._load.statuses.get(status, 0) + 1
        if status >= 400 and not self._load.sample:
            self._load.sample = bytes(self._buffer[:600])


def _content_length(buffer: bytearray, head: int) -> int:
    at = buffer.lower().find(b"content-length:", 0, head)
    return 0 if at < 0 else int(buffer[at + 15 : buffer.find(b"\r\n", at)])


async def _offer(places: Sequence[Place], requests: Requests, seconds: float, warm_up_s: float) -> Load:
    load, loop = Load(), asyncio.get_running_loop()
    callers = []
    for number, (host, port) in enumerate(places):
        _, caller = await loop.create_connection(
            lambda number=number: _Caller(requests(number), load),  # type: ignore[misc]
            host,
            port,
        )
        callers.append(caller)
    await asyncio.sleep(warm_up_s)
    began = time.perf_counter()
    for caller in callers:
        caller.counting = True
    await asyncio.sleep(seconds)
    load.seconds = time.perf_counter() - began
    for caller in callers:
        caller.counting = caller.running = False
    await asyncio.wait([caller.ended for caller in callers], timeout=10)
    return load


def offer(port: int, requests: Requests, *, clients: int, seconds: float, warm_up_s: float = 0.5) -> Load:
    """Keep `clients` connections busy for `seconds`; `requests(i)` yields the bytes of connection `i`."""
    return offer_over([("127.0.0.1", port)] * clients, requests, seconds=seconds, warm_up_s=warm_up_s)


def offer_over(places: Sequence[Place], requests: Requests, *, seconds: float, warm_up_s: float) -> Load:
    """Do the same with one connection to each of `places`, which may be there several times."""
    return uvloop.run(_offer(places, requests, seconds, warm_up_s))


def request(method: str, path: str, *, token: str = "", body: bytes = b"", headers: str = "") -> bytes:
    """Return one HTTP/1.1 request; `headers` are complete lines that end with CRLF."""
    lines = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}"
    if token:
        lines += f"Authorization: Bearer {token}\r\n"
    if body:
        lines += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return lines.encode() + b"\r\n" + body
