"""Redis: the client, and every key declared once with its type and time to live.

Losing Redis costs caches, lockout counters and backfill; never money or a claim.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from ccops.backend.core.config import settings
from ccops.backend.core.errors import ApiError

log = logging.getLogger("ccops.backend.redis")


@dataclass(frozen=True, slots=True)
class Key:
    """A family of keys: `pattern` as documented, the Redis type, seconds to live, who writes it."""

    pattern: str
    kind: str
    ttl_s: int
    owner: str


STREAK = Key("user:{id}:streak:{action}", "string", 86_400, "streak")
ATTENDANCE = Key("attendance:{YYYYMM}", "hash", 120 * 86_400, "streak")
SESSION = Key("session:{session_id}", "hash", 3_600, "auth")
AUTH_FAIL = Key("auth:fail:{account}", "string", 600, "auth")
AUTH_FAIL_IP = Key("auth:fail:ip:{ip}", "string", 600, "auth")
AUTH_BUSY = Key("auth:busy:{account}", "string", 10, "auth")
AUTH_BUSY_IP = Key("auth:busy:ip:{ip}", "string", 10, "auth")
AUTH_REVOKED = Key("auth:revoked:fam:{family}", "string", 900, "auth")
SHOP_IDEMP = Key("shop:idemp:{user}:{product}:{key}", "string", 86_400, "shop")
FRAUD_BUY = Key("fraud:buy:{user}", "zset", settings.fraud_window_s + 5, "shop")
FRAUD_GOLD = Key("fraud:gold:{user}", "zset", settings.fraud_window_s + 5, "shop")
LIMITED_IDEMP = Key("shop:limited:idemp:{user}:{package}:{key}", "string", 86_400, "limited")
LIMITED_LOCK = Key("shop:limited:idemp:{user}:{package}:{key}:lock", "string", 10, "limited")
LIMITED_STOCK = Key("shop:limited:stock:{package}", "string", 5, "limited")
LOOP_CLAIM = Key("loop:{job}", "string", 5, "backend")
RT_META = Key("rt:{user}:meta", "hash", 172_800, "realtime-relay")
RT_STREAM = Key("rt:{user}:s", "stream", 86_400, "realtime-relay")
RT_GUARD = Key("rt:{user}:ev:{event_id}", "string", 172_800, "realtime-relay")
RT_SOCKETS = Key("rt:{user}:sockets", "zset", 172_800, "realtime")
RT_PROCESS = Key("rt:proc:{process}", "string", 15, "realtime")
METRICS_GLOBAL = Key("metrics:global", "string", 2, "metrics")
METRICS_STREAM = Key("metrics:stream", "stream", 600, "metrics")
OLAP_STATUS = Key("olap:status", "string", 15, "ingester")
KEYS = (
    STREAK, ATTENDANCE, SESSION, AUTH_FAIL, AUTH_FAIL_IP, AUTH_BUSY, AUTH_BUSY_IP, AUTH_REVOKED,
    SHOP_IDEMP, FRAUD_BUY, FRAUD_GOLD, LIMITED_IDEMP, LIMITED_LOCK, LIMITED_STOCK, LOOP_CLAIM,
    RT_META, RT_STREAM, RT_GUARD, RT_SOCKETS, RT_PROCESS, METRICS_GLOBAL, METRICS_STREAM, OLAP_STATUS,
)  # fmt: skip
RT_CHANNEL = "rt:pub"
WAKE_CHANNEL = "outbox:wake"
# The first ring goes out at once; a relay that is busy with the rows of the last one needs no more than this.
_RING_S = 0.005
# At so many rings a second the relays gather and do not listen, but each message costs its backend, Redis and
# two listeners. A ring that is late by less than they gather is late for nobody.
_MANY_RINGS, _RARE_S = 300.0, 0.05


def client(*, timeout_s: float = 2.0) -> aioredis.Redis:
    """Return a client; it connects on first use and reconnects by itself."""
    made: aioredis.Redis = aioredis.Redis.from_url(
        settings.redis_url,
        decode_responses=True,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        health_check_interval=15,
        # One retry mends a pooled connection that a restart broke; the library's default would back off
        # for seconds while a request waits.
        retry=Retry(NoBackoff(), 1),
    )
    return made


redis = client()


def account_key(site_id: str) -> str:
    """Return the lockout counter's key; the site id itself never shows in Redis."""
    digest = hashlib.sha256(site_id.strip().lower().encode()).hexdigest()[:16]
    return f"auth:fail:{digest}"


def address_key(network: str) -> str:
    """Return the lockout counter's key of an address."""
    return AUTH_FAIL_IP.pattern.format(ip=network)


@contextmanager
def required() -> Iterator[None]:
    """Answer 503 when Redis does not: for what must not happen without it."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise ApiError("STORE_UNAVAILABLE") from error


@asynccontextmanager
async def best_effort(what: str, *, within_s: float = 0.5) -> AsyncIterator[None]:
    """Go on without Redis: for caches, whose truth is in PostgreSQL. `what` names the loss in the log.

    A Redis that hangs must not hold a request for the client's whole timeout.
    """
    try:
        async with asyncio.timeout(within_s):
            yield
    except (RedisError, OSError) as error:
        log.warning("redis does not answer, going on without: %s (%s)", what, type(error).__name__)


class _Gathered:
    """Asks for many keys in one round trip: whoever comes while a question is on its way joins the next.

    Every answer was given by Redis after its question was asked, so nothing here is stale.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[bool]] = {}
        self._task: asyncio.Task[None] | None = None

    async def exists(self, key: str) -> bool:
        loop = asyncio.get_running_loop()
        future = self._waiting.get(key)
        if future is None:
            future = self._waiting[key] = loop.create_future()
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._ask())
        return await asyncio.shield(future)  # one caller's end must not be the others'

    async def _ask(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, {}
            try:
                found = await redis.mget(list(asked))
            except (RedisError, OSError) as error:
                for future in asked.values():
                    future.set_exception(error)
                    future.exception()  # a caller that gave up already does not look
                continue
            for future, value in zip(asked.values(), found, strict=True):
                future.set_result(value is not None)


class _Bell:
    """Publishes a wake-up without making anybody wait; rings within `_RING_S` of a ring become one more.

    While there are many rings a second, those within `_RARE_S`.
    """

    def __init__(self) -> None:
        self._rings = 0
        self._pace = 0.0  # rings a second, of about the last `_RARE_S`
        self._task: asyncio.Task[None] | None = None

    def ring(self) -> None:
        self._rings += 1
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._publish())

    async def _publish(self) -> None:
        while self._rings:
            self._rings = 0
            async with best_effort("relay wake-up"):
                await redis.publish(WAKE_CHANNEL, "1")
            wait_s = _RARE_S if self._pace > _MANY_RINGS else _RING_S
            await asyncio.sleep(wait_s)
            self._pace += (self._rings / wait_s - self._pace) * wait_s / _RARE_S


_gathered, _bell = _Gathered(), _Bell()


async def exists(key: str) -> bool:
    """Return whether a string key is there; raises RedisError."""
    return await _gathered.exists(key)


async def wake_relays() -> None:
    """Tell the relays that the outbox has rows. Best effort: their 100 ms poll is the net."""
    _bell.ring()
