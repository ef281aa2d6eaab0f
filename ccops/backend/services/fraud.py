"""The fraud window: how many purchases one user may start in FRAUD_WINDOW_S seconds; a sliding log.

The member of the log is the idempotency key with what it is for: a retry is the same purchase and is counted
once. The key alone would let a refused purchase give back the place of another one under the same key.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

from ccops.backend import metrics
from ccops.backend.core.config import settings
from ccops.backend.core.errors import ApiError
from ccops.backend.db import db
from ccops.backend.repositories import shop as repository
from ccops.backend.utils.redis import FRAUD_BUY, FRAUD_GOLD, best_effort, redis

# Answers {allowed, score of the slot that was taken or '', milliseconds until the oldest leaves}. The score
# is the slot's own mark: only who took a slot can give it back.
_ENTER = """
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local limit, window_ms, member = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.3f', now - window_ms))
if redis.call('ZSCORE', KEYS[1], member) then return {1, '', 0} end
if redis.call('ZCARD', KEYS[1]) >= limit then
  local oldest = tonumber(redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2])
  return {0, '', math.ceil(oldest + window_ms - now)}
end
local score = string.format('%.3f', now)
redis.call('ZADD', KEYS[1], score, member)
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {1, score, 0}
"""
_LEAVE = """
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if score and tonumber(score) == tonumber(ARGV[2]) then redis.call('ZREM', KEYS[1], ARGV[1]) end
"""
_enter = redis.register_script(_ENTER)
_leave = redis.register_script(_LEAVE)


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in the window. `score` is empty when this purchase had its place already, or needs none."""

    name: str
    member: str
    score: str


_NONE = Slot("", "", "")


async def enter(user_id: int, *, payment: bool, scope: str, key: str, request_hash: bytes) -> Slot:
    """Take a place; raises ApiError FRAUD_WINDOW (with Retry-After) when the window is full.

    `payment` says which limit counts: of payments, or of purchases for gold. A repetition is never refused:
    `scope` and `key` name the idempotency record to look for before saying no.
    """
    limit = settings.fraud_payment_limit if payment else settings.fraud_item_limit
    if limit == 0:
        return _NONE
    flow = "payment" if payment else "gold"
    member = f"{scope}:{key}:{request_hash.hex()[:16]}"
    name = (FRAUD_BUY if payment else FRAUD_GOLD).pattern.format(user=user_id)
    answer: object = None
    # Fail open, for payments too: the window slows thieves down, but what keeps gold and money right is in
    # PostgreSQL; nobody's shop closes because a cache is away.
    async with best_effort("fraud window"):
        window = settings.fraud_window_s
        answer = await _enter(keys=[name], args=[limit, window * 1_000, member, window + 5])
    if answer is None:
        metrics.fraud_unchecked.labels(flow).inc()
        return _NONE
    allowed, score, wait_ms = cast(tuple[int, str, int], answer)
    if allowed or await _is_known(user_id, scope, key):
        return Slot(name, member, score)
    metrics.fraud_blocked.labels(flow).inc()
    raise ApiError("FRAUD_WINDOW", headers={"Retry-After": str(max(1, math.ceil(wait_ms / 1_000)))})


async def leave(slot: Slot) -> None:
    """Give a place back: its purchase was refused, so nothing was bought."""
    if slot.score:
        async with best_effort("fraud window"):
            await _leave(keys=[slot.name], args=[slot.member, slot.score])


async def _is_known(user_id: int, scope: str, key: str) -> bool:
    async with db.connection() as conn:
        return await repository.has_answer(conn, user_id, scope=scope, key=key)
