"""Open a ClickHouse client over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ccops.clients.guard import translated

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


def errors() -> tuple[type[Exception], ...]:
    """Return what clickhouse-connect raises when the server is gone; a wrong query is a DatabaseError."""
    from clickhouse_connect.driver.exceptions import OperationalError

    return (OperationalError, OSError)


def connect(url: str, timeout: float = 5.0) -> Client:
    """Return a client for `url` (`http://user:password@host:port/database`); blocks: call it in a thread."""
    import clickhouse_connect

    parts = urlsplit(url)
    return clickhouse_connect.get_client(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 8123,
        username=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        database=parts.path.strip("/") or "default",
        secure=parts.scheme == "https",
        connect_timeout=int(max(timeout, 1)),
        send_receive_timeout=int(max(timeout, 1)),
        autogenerate_session_id=False,  # sessions forbid parallel queries, and effects run in parallel
        query_retries=0,
    )


@asynccontextmanager
async def open_clickhouse(url: str, *, timeout: float = 5.0) -> AsyncIterator[Client]:
    """Yield the blocking client, opened and closed in a thread; call its methods by `asyncio.to_thread`.

    Raises Unreachable when the server does not answer or goes away inside the block.
    """
    with translated("clickhouse", url, errors()):
        client = await asyncio.to_thread(connect, url, timeout)
        try:
            yield client
        finally:
            await asyncio.to_thread(client.close)
