"""The bench's own WebSocket client cuts frames out of any pieces of bytes."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from tests.bench.machine import BenchFailed
from tests.bench.sockets import Socket


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


def frame(body: bytes, kind: int = 1) -> bytes:
    """Return a server's frame."""
    size = bytes([len(body)]) if len(body) < 126 else b"\x7e" + len(body).to_bytes(2, "big")
    return bytes([0x80 | kind]) + size + body


@pytest.mark.parametrize("piece", [1, 7, 64, 10_000])
def test_every_frame_is_seen_once_whatever_the_pieces(piece: int) -> None:
    ids = [str(uuid.uuid4()).encode() for _ in range(20)]
    stream = b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + frame(b'{"type":"backfill_complete"}')
    for number, ident in enumerate(ids):
        stream += frame(b'{"x":"%s","event_id":"%s"}' % (b"y" * 20 * number, ident)) + frame(b"hi", 9)

    async def run() -> tuple[list[bytes], Wire]:
        seen: list[bytes] = []
        one, wire = Socket(3, "token", lambda number, event, at: seen.append(event)), Wire()
        one.connection_made(wire)  # type: ignore[arg-type]
        for start in range(0, len(stream), piece):
            one.data_received(stream[start : start + piece])
        await one.ready
        return seen, wire

    seen, wire = asyncio.run(run())
    assert seen == ids
    assert wire.written[1:] == [bytes([0x8A, 0x82, 0, 0, 0, 0]) + b"hi"] * 20


def test_a_refused_handshake_is_no_measurement() -> None:
    async def run() -> None:
        one = Socket(0, "token", lambda *_: None)
        one.connection_made(Wire())  # type: ignore[arg-type]
        one.data_received(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        await one.ready

    with pytest.raises(BenchFailed, match="403"):
        asyncio.run(run())
