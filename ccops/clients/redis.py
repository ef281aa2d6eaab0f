"""Open a Redis-protocol connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ccops.clients.guard import translated

if TYPE_CHECKING:
    from redis.asyncio import Redis


def errors() -> tuple[type[Exception], ...]:
    """Return what redis-py raises when the server is gone, slow or refuses the password."""
    import redis.exceptions as exceptions

    return (exceptions.ConnectionError, exceptions.TimeoutError, OSError)


@asynccontextmanager
async def open_redis(url: str, *, timeout: float = 5.0, text: bool = True) -> AsyncIterator[Redis]:
    """Yield a client that has answered PING and returns text, or bytes (keys need not be UTF-8).

    Raises Unreachable when the server does not answer or goes away inside the block.
    """
    from redis.asyncio import Redis

    with translated("redis", url, errors()):
        client: Redis = Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            decode_responses=text,
            encoding_errors="replace",
        )
        async with client:
            await client.ping()
            yield client
