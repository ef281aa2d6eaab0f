"""The worker's /metrics and /health: two answers do not need a web framework."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ccops.backend.metrics import registry

_READ_S = 5.0
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 503: "Service Unavailable"}
Health = Callable[[], tuple[bool, Mapping[str, object]]]


@asynccontextmanager
async def serving(host: str, port: int, health: Health) -> AsyncIterator[None]:
    """Answer GET /metrics and GET /health while the block runs."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_READ_S):
                head = await reader.readuntil(b"\r\n\r\n")
                status, kind, body = _route(head.split(b"\r\n", 1)[0].decode("latin-1"), health)
                writer.write(_head(status, kind, len(body)) + body)
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(answer, host, port, limit=16_384)
    try:
        yield
    finally:
        server.close()


def _route(line: str, health: Health) -> tuple[int, str, bytes]:
    method, _, rest = line.partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    if method not in {"GET", "HEAD"}:
        return 400, "text/plain", b"GET only\n"
    if path == "/metrics":
        return 200, CONTENT_TYPE_LATEST, generate_latest(registry)
    if path == "/health":
        good, body = health()
        return (200 if good else 503), "application/json", orjson.dumps(body)
    return 404, "text/plain", b"/metrics or /health\n"


def _head(status: int, kind: str, length: int) -> bytes:
    lines = (
        f"HTTP/1.1 {status} {_REASONS[status]}",
        f"Content-Type: {kind}",
        f"Content-Length: {length}",
        "Connection: close",
        "\r\n",
    )
    return "\r\n".join(lines).encode()
