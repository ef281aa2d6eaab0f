"""Streaks: PostgreSQL's calendar day decides; Redis only remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import cast

import orjson

from ccops.backend import metrics, rules
from ccops.backend.core.clock import day_before, game_day
from ccops.backend.core.deps import Idempotency
from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import Claims
from ccops.backend.db import db
from ccops.backend.repositories import streak as repo
from ccops.backend.schemas.streak import Streak, StreakStatus
from ccops.backend.services import streak_cache
from ccops.backend.utils.redis import wake_relays


async def claim(user: Claims, *, action_type: str, idempotency: Idempotency) -> tuple[int, bytes, bool]:
    """Claim today's streak; returns status, stored body and whether it is a replay."""
    rewards = rules.streak_rewards(action_type)
    if rewards is None:
        raise ApiError("NOT_FOUND", f"There is no streak {action_type!a}.")
    day = game_day()
    given = repo.Claim(
        action_type=action_type,
        day=day,
        before=day_before(day),
        rewards=rewards,
        exp=rules.exp_of("streak_claim"),
        levels=rules.levels(),
        key=idempotency.key,
        request_hash=idempotency.hash("streak", action_type),
    )
    answer = await _claim(user.user_id, given)
    if not answer[2]:
        metrics.streak_claim.labels("granted").inc()
        count = cast(dict[str, int], orjson.loads(answer[1]))["streak_count"]
        await streak_cache.claimed(user.user_id, action_type=action_type, day=day, count=count)
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


async def status(user: Claims) -> StreakStatus:
    """Return every streak there is, as it stands on today's calendar day."""
    today = game_day()
    # Redis first: what PostgreSQL says afterwards is at least as new.
    seen = await streak_cache.look(user.user_id, today=today, names=list(rules.rewards().streak))
    async with db.connection() as conn:
        rows = {str(row["action_type"]): row for row in await repo.list_streaks(conn, user.user_id)}
    before = day_before(today)
    streaks = [
        _streak(name, gold, rows.get(name), today=today, before=before)
        for name, gold in rules.rewards().streak.items()
    ]
    if seen is not None:
        await streak_cache.restore(user.user_id, today=today, streaks=streaks, seen=seen)
    return StreakStatus(today=today, streaks=streaks)


def _streak(
    action_type: str, gold: Sequence[int], row: Mapping[str, object] | None, *, today: date, before: date
) -> Streak:
    last = cast(date, row["last_claim_day"]) if row else None
    # A streak is alive on the day of the claim and the day after it.
    count = cast(int, row["current"]) if row and last and last >= before else 0
    return Streak(
        action_type=action_type,
        count=count,
        longest=cast(int, row["longest"]) if row else 0,
        last_claim_day=last,
        # A later day than today: the clock went back. Nothing can be claimed until it has caught up.
        claimed_today=last is not None and last >= today,
        next_reward=gold[min(count, len(gold) - 1)],
    )
