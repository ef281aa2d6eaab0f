"""What is remembered of limited packages, in Redis under the keys that the seed's tools look for.

Nothing is decided by them: a lost key costs nothing, and PostgreSQL answers every retry.
"""

from __future__ import annotations

import re
import time

from ccops.backend.db import db
from ccops.backend.repositories import limited as repository
from ccops.backend.utils.redis import LIMITED_IDEMP, LIMITED_LOCK, LIMITED_STOCK, best_effort, redis

_KNOWN_FOR_S = 60.0
_MOST_PACKAGES = 1_000
# A client's key may be any text; one with a colon could pass for another kind of key.
_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_paid_outside: dict[str, tuple[float, bool]] = {}


async def is_paid_outside(package_id: str) -> bool:
    """Return whether a package is priced in cents. Only the fraud window depends on it, and a product's
    unit of price never changes."""
    known = _paid_outside.get(package_id)
    if known is not None and known[0] > time.monotonic():
        return known[1]
    async with db.connection() as conn:
        found = await repository.is_paid_outside(conn, package_id)
    if found is None:
        return False  # not kept: anybody could fill our memory with names
    if len(_paid_outside) >= _MOST_PACKAGES:
        _paid_outside.clear()
    _paid_outside[package_id] = (time.monotonic() + _KNOWN_FOR_S, found)
    return found


async def stock(package_id: str, left: int) -> None:
    """Remember what is left of a package."""
    async with best_effort("limited stock cache"):
        await redis.set(LIMITED_STOCK.pattern.format(package=package_id), left, ex=LIMITED_STOCK.ttl_s)


async def begin(user_id: int, package_id: str, key: str) -> None:
    """Show that a purchase is running; whoever comes second still asks PostgreSQL."""
    if not _PLAIN.fullmatch(key):
        return
    name = LIMITED_LOCK.pattern.format(user=user_id, package=package_id, key=key)
    async with best_effort("limited lock"):
        await redis.set(name, "1", ex=LIMITED_LOCK.ttl_s, nx=True)


async def bought(
    user_id: int, package_id: str, key: str, *, transaction: str, stock_left: int | None
) -> None:
    """Remember which purchase a key made, and what it left; the purchase runs no longer."""
    if not _PLAIN.fullmatch(key):
        return
    names = {"user": user_id, "package": package_id, "key": key}
    async with best_effort("limited purchase cache"), redis.pipeline(transaction=False) as pipe:
        pipe.set(LIMITED_IDEMP.pattern.format(**names), transaction, ex=LIMITED_IDEMP.ttl_s)
        pipe.delete(LIMITED_LOCK.pattern.format(**names))
        if stock_left is not None:
            pipe.set(LIMITED_STOCK.pattern.format(package=package_id), stock_left, ex=LIMITED_STOCK.ttl_s)
        await pipe.execute()


async def refused(user_id: int, package_id: str, key: str) -> None:
    """A refused key is free again at once."""
    if not _PLAIN.fullmatch(key):
        return
    async with best_effort("limited lock"):
        await redis.delete(LIMITED_LOCK.pattern.format(user=user_id, package=package_id, key=key))
