"""Figures of the whole service, counted at most once in two seconds whoever asks, in all processes together.

Every count is also an entry of a Redis stream, so that all processes show one sequence of samples with one
set of ids: a client of the event stream can go on at any process where it stopped at another.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import orjson

from ccops.backend.db import db
from ccops.backend.olap.clickhouse_client import StoreDown
from ccops.backend.repositories import global_metrics as repo
from ccops.backend.utils.redis import METRICS_GLOBAL, METRICS_STREAM, best_effort, redis

log = logging.getLogger("ccops.backend.metrics")

# ClickHouse may be slow; who asks for the figures waits no longer than this for its part.
_RECENT_S = 1.5
_KEPT = 300
_counting = asyncio.Lock()


@dataclass(frozen=True, slots=True)
class Sample:
    """The figures at one moment. Ids grow, also across processes and restarts of Redis."""

    id: str
    body: bytes


async def current() -> bytes:
    """Return the figures as JSON, at most two seconds old. Raises ApiError when PostgreSQL is away."""
    known = await _cached()
    if known is not None:
        return known
    async with _counting:
        known = await _cached()  # whoever counted while we waited counted for us
        return known if known is not None else await _count()


async def since(last: str) -> list[Sample]:
    """Return the kept samples after the id `last`, oldest first. Raises RedisError or OSError."""
    return _samples(await redis.xrange(METRICS_STREAM.pattern, f"({last}", "+", count=_KEPT))


async def latest() -> list[Sample]:
    """Return the newest kept sample, or nothing. Raises RedisError or OSError."""
    return _samples(await redis.xrevrange(METRICS_STREAM.pattern, count=1))


def _samples(answer: object) -> list[Sample]:
    entries = cast(list[tuple[str, dict[str, str]]], answer)
    return [Sample(entry, fields["d"].encode()) for entry, fields in entries]


async def _cached() -> bytes | None:
    async with best_effort("global figures"):
        text = await redis.get(METRICS_GLOBAL.pattern)
        return str(text).encode() if text is not None else None
    return None


async def _count() -> bytes:
    totals, recent = await asyncio.gather(_totals(), _recent())
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    body = orjson.dumps({"at": at, **totals, "recent": recent})
    async with best_effort("global figures"):
        # Of several processes that counted at the same moment one is heard.
        if await redis.set(METRICS_GLOBAL.pattern, body, ex=METRICS_GLOBAL.ttl_s, nx=True):
            await redis.xadd(METRICS_STREAM.pattern, {"d": body}, maxlen=_KEPT, approximate=True)
            await redis.expire(METRICS_STREAM.pattern, METRICS_STREAM.ttl_s)
    return body


async def _totals() -> dict[str, int]:
    async with db.connection() as conn:
        return await repo.totals(conn)


async def _recent() -> dict[str, int] | None:
    try:
        return await repo.recent(within_s=_RECENT_S)
    except StoreDown as error:
        log.info("no figures from ClickHouse: %s", error)
        return None
