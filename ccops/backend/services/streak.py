"""Streaks: PostgreSQL's calendar day decides; Redis only remembers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import cast

import orjson

from ccops.backend import metrics, rules
from ccops.backend.core.clock import game_day
from ccops.backend.core.deps import Idempotency
from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import Claims
from ccops.backend.db import db
from ccops.backend.repositories import streak as repo
from ccops.backend.schemas.streak import Streak, StreakStatus
from ccops.backend.utils.redis import ATTENDANCE, STREAK, best_effort, redis, wake_relays

# Bit n-1 of a user's mask is day n of the month; setting it twice changes nothing.
_REMEMBER = """
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
local mask = tonumber(redis.call('HGET', KEYS[2], ARGV[3]) or '0')
mask = bit.bor(mask, bit.lshift(1, tonumber(ARGV[4]) - 1))
redis.call('HSET', KEYS[2], ARGV[3], tostring(mask))
redis.call('EXPIRE', KEYS[2], ARGV[5])
"""
_remember = redis.register_script(_REMEMBER)


async def claim(user: Claims, *, action_type: str, idempotency: Idempotency) -> tuple[int, bytes, bool]:
    """Claim today's streak; returns status, stored body and whether it is a replay."""
    rewards = rules.streak_rewards(action_type)
    if rewards is None:
        raise ApiError("NOT_FOUND", f"There is no streak {action_type!a}.")
    given = repo.Claim(
        action_type=action_type,
        day=game_day(),
        rewards=rewards,
        exp=rules.exp_of("streak_claim"),
        levels=rules.levels(),
        key=idempotency.key,
        request_hash=idempotency.hash("streak", action_type),
    )
    answer = await _claim(user.user_id, given)
    if not answer[2]:
        metrics.streak_claim.labels("granted").inc()
        await _cache(user.user_id, given, answer[1])
        await wake_relays()
    return answer


async def _claim(user_id: int, given: repo.Claim) -> tuple[int, bytes, bool]:
    try:
        async with db.connection() as conn:
            return await repo.claim(conn, user_id, given)
    except ApiError as error:
        result = "duplicate" if error.code == "ALREADY_CLAIMED" else "error"
        metrics.streak_claim.labels(result).inc()
        raise


async def _cache(user_id: int, given: repo.Claim, body: bytes) -> None:
    count = cast(dict[str, int], orjson.loads(body))["streak_count"]
    keys = [
        STREAK.pattern.format(id=user_id, action=given.action_type),
        ATTENDANCE.pattern.format(YYYYMM=given.day.strftime("%Y%m")),
    ]
    async with best_effort("streak cache"):
        await _remember(keys=keys, args=[count, STREAK.ttl_s, user_id, given.day.day, ATTENDANCE.ttl_s])


async def status(user: Claims) -> StreakStatus:
    """Return every streak there is, as it stands on today's calendar day."""
    today = game_day()
    async with db.connection() as conn:
        rows = {str(row["action_type"]): row for row in await repo.list_streaks(conn, user.user_id)}
    names = cast(dict[str, list[int]], rules.load("rewards")["streak"])
    streaks = [_streak(name, rewards, rows.get(name), today) for name, rewards in names.items()]
    return StreakStatus(today=today, streaks=streaks)


def _streak(action_type: str, rewards: list[int], row: Mapping[str, object] | None, today: date) -> Streak:
    last = cast(date, row["last_claim_day"]) if row else None
    # A streak is alive on the day of the claim and the day after it.
    count = cast(int, row["current"]) if row and last and last >= today - timedelta(days=1) else 0
    return Streak(
        action_type=action_type,
        count=count,
        longest=cast(int, row["longest"]) if row else 0,
        last_claim_day=last,
        claimed_today=last == today,
        next_reward=rewards[min(count, len(rewards) - 1)],
    )
