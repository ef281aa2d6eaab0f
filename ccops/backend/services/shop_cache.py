"""What the buy path remembers: what a product is sold for, and the cache of idempotency keys in Redis.

Neither is a truth. A purchase is decided by PostgreSQL, whatever is written here or lost.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass

from ccops.backend.db import db
from ccops.backend.repositories import shop as repository
from ccops.backend.utils.redis import SHOP_IDEMP, best_effort, redis

_KNOWN_FOR_S = 60.0
_MOST_PRODUCTS = 1_000
_MOST_WAITING = 10_000
_IN_PROGRESS_S = 30
# Nearly every purchase is over by then: one write instead of two, and of many purchases at once.
_GATHER_S = 0.02
IN_PROGRESS = "IN_PROGRESS"
# A client's key may be any text; one with a colon could pass for another kind of key.
_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_DROP = """
if redis.call('GET', KEYS[1]) == 'IN_PROGRESS' then redis.call('DEL', KEYS[1]) end
"""


@dataclass(frozen=True, slots=True)
class Offer:
    """What kind of product it is, and whether it is paid outside (in cents) instead of in gold."""

    kind: str
    payment: bool


_offers: dict[str, tuple[float, Offer]] = {}


async def offer_of(product_id: str) -> Offer | None:
    """Return how a product is sold; None when there is none. At most a minute old: only limits and
    metrics depend on it, and the unit of a price never changes."""
    known = _offers.get(product_id)
    if known is not None and known[0] > time.monotonic():
        return known[1]
    async with db.connection() as conn:
        row = await repository.find_offer(conn, product_id)
    if row is None:
        return None  # not kept: anybody could fill our memory with names
    offer = Offer(str(row["kind"]), bool(row["payment"]))
    if len(_offers) >= _MOST_PRODUCTS:
        _offers.clear()
    _offers[product_id] = (time.monotonic() + _KNOWN_FOR_S, offer)
    return offer


class _WriteBehind:
    """Writes keys without making anybody wait, many in one round trip; of one key only the last state."""

    def __init__(self) -> None:
        self._waiting: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    def put(self, name: str, state: str) -> None:
        """Write `state` ('' = forget an unfinished purchase)."""
        if len(self._waiting) < _MOST_WAITING:  # Redis hangs: a cache may lose
            self._waiting[name] = state
            if self._task is None or self._task.done():
                self._task = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        while self._waiting:
            await asyncio.sleep(_GATHER_S)
            batch, self._waiting = self._waiting, {}
            async with best_effort("idempotency cache"):
                pipe = redis.pipeline(transaction=False)
                for name, state in batch.items():
                    if state == IN_PROGRESS:
                        pipe.set(name, state, ex=_IN_PROGRESS_S, nx=True)
                    elif state:
                        pipe.set(name, state, ex=SHOP_IDEMP.ttl_s)
                    else:
                        pipe.eval(_DROP, 1, name)
                await pipe.execute()


_writer = _WriteBehind()


def remember(user_id: int, product_id: str, key: str, state: str) -> None:
    """Note what became of a purchase: IN_PROGRESS, its transaction id, or '' when it was refused."""
    if _PLAIN.fullmatch(key):
        _writer.put(SHOP_IDEMP.pattern.format(user=user_id, product=product_id, key=key), state)
