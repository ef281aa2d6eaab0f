"""Redis: the client, and every key declared once with its type and time to live.

Losing Redis costs caches, lockout counters and backfill; never money or a claim.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from redis import asyncio as aioredis

from ccops.backend.core.config import settings


@dataclass(frozen=True, slots=True)
class Key:
    """A family of keys: `pattern` as documented, the Redis type, seconds to live, who writes it."""

    pattern: str
    kind: str
    ttl_s: int | None
    owner: str


STREAK = Key("user:{id}:streak:{action}", "string", 86_400, "streak")
ATTENDANCE = Key("attendance:{YYYYMM}", "hash", 120 * 86_400, "streak")
SESSION = Key("session:{session_id}", "hash", 3_600, "auth")
AUTH_FAIL = Key("auth:fail:{account}", "string", 600, "auth")
AUTH_REVOKED = Key("auth:revoked:{jti}", "string", 900, "auth")
RT_META = Key("rt:{user}:meta", "hash", 172_800, "realtime-relay")
RT_STREAM = Key("rt:{user}:s", "stream", 86_400, "realtime-relay")
RT_GUARD = Key("rt:{user}:ev:{event_id}", "string", 172_800, "realtime-relay")
KEYS = (STREAK, ATTENDANCE, SESSION, AUTH_FAIL, AUTH_REVOKED, RT_META, RT_STREAM, RT_GUARD)
RT_CHANNEL = "rt:pub"
WAKE_CHANNEL = "outbox:wake"


def client(*, timeout_s: float = 2.0) -> aioredis.Redis:
    """Return a client; it connects on first use and reconnects by itself."""
    made: aioredis.Redis = aioredis.Redis.from_url(
        settings.redis_url,
        decode_responses=True,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        health_check_interval=15,
    )
    return made


redis = client()


def account_key(site_id: str) -> str:
    """Return the lockout counter's key; the site id itself never shows in Redis."""
    digest = hashlib.sha256(site_id.strip().lower().encode()).hexdigest()[:16]
    return f"auth:fail:{digest}"


async def wake_relays() -> None:
    """Tell the relays that the outbox has rows. Best effort: their 100 ms poll is the net."""
    from redis.exceptions import RedisError

    try:
        await redis.publish(WAKE_CHANNEL, "1")
    except (RedisError, OSError):
        return
