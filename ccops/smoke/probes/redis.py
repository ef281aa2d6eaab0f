"""Redis keys, decoded by their type."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from ccops.clients.guard import unreachable
from ccops.clients.redis import errors, open_redis
from ccops.smoke.probes.base import Look, Observation, Polled, QueryFailed, narrowed

if TYPE_CHECKING:
    from redis.asyncio import Redis


class RedisProbe(Polled):
    """`{key}` gives one observation `{key, type, value, ttl}`; a missing key gives none.

    The entries of a stream are observations of their own, `{key, id, fields}`, so that they can be counted.
    """

    system = "redis"

    def __init__(self, client: Redis, url: str) -> None:
        self._client, self._url = client, url

    async def observe(self, look: Look) -> Sequence[Observation]:
        """Return what the key holds now."""
        key = str(look.source.get("key", ""))
        import redis.exceptions

        try:
            return narrowed(await self._read(key), look.by)
        except errors() as error:
            raise unreachable("redis", self._url, error) from None
        except redis.exceptions.RedisError as error:
            raise QueryFailed(str(error)) from None

    async def _read(self, key: str) -> list[Observation]:
        kind = str(await self._client.type(key))
        if kind == "none":
            return []
        if kind == "stream":
            entries = cast("list[tuple[str, dict[str, str]]]", await self._client.xrange(key, count=1000))
            return [
                Observation(
                    {"key": key, "type": kind, "id": place, "fields": _typed(fields)}, f"{key} {place}"
                )
                for place, fields in entries
            ]
        value = await self._value(key, kind)
        ttl_ms = int(await self._client.pttl(key))
        ttl = round(ttl_ms / 1000, 3) if ttl_ms >= 0 else None
        return [Observation({"key": key, "type": kind, "value": value, "ttl": ttl}, key)]

    async def _value(self, key: str, kind: str) -> object:
        client = self._client
        if kind == "string":
            return _number(await client.get(key))
        if kind == "hash":
            return _typed(cast("dict[str, str]", await client.hgetall(key)))
        if kind == "list":
            return [_number(item) for item in await client.lrange(key, 0, 999)]
        if kind == "set":
            return sorted(str(item) for item in await client.smembers(key))
        if kind == "zset":
            pairs = cast("list[tuple[str, float]]", await client.zrange(key, 0, 999, withscores=True))
            return dict(pairs)
        return None

    async def command(self, *words: object) -> object:
        """Return the answer of one command (the redis act)."""
        import redis.exceptions

        try:
            run = cast("Callable[..., Awaitable[object]]", self._client.execute_command)
            return await run(*[str(word) for word in words])
        except errors() as error:
            raise unreachable("redis", self._url, error) from None
        except redis.exceptions.RedisError as error:
            raise QueryFailed(str(error)) from None


def _typed(fields: Mapping[str, str]) -> dict[str, object]:
    return {name: _number(value) for name, value in fields.items()}


def _number(text: object) -> object:
    """Return integers as integers: Redis has only text, scenarios compare numbers."""
    if (
        isinstance(text, str)
        and text.lstrip("-").isdigit()
        and (text == "0" or not text.lstrip("-").startswith("0"))
    ):
        return int(text)
    return text


@asynccontextmanager
async def open_redis_probe(url: str) -> AsyncIterator[RedisProbe]:
    """Yield a probe on its own connection."""
    async with open_redis(url) as client:
        yield RedisProbe(client, url)
