"""Achievements: what there is to reach, how far the caller is, and the reward once it is reached."""

from __future__ import annotations

from ccops.backend import metrics, rules
from ccops.backend.core.deps import Idempotency
from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import Claims
from ccops.backend.db import db
from ccops.backend.repositories import achievements as repo
from ccops.backend.schemas.achievements import Achievement, AchievementList
from ccops.backend.utils.redis import wake_relays

_COUNTED = {"ALREADY_CLAIMED": "duplicate", "NOT_UNLOCKED": "locked"}


async def list_achievements(user: Claims) -> AchievementList:
    """Return every achievement with the caller's progress."""
    async with db.connection() as conn:
        rows = await repo.list_achievements(conn, user.user_id)
    return AchievementList(achievements=[Achievement.model_validate(dict(row)) for row in rows])


async def claim(user: Claims, code: str, idempotency: Idempotency) -> tuple[int, bytes, bool]:
    """Pay the reward once; returns status, body bytes and whether they are a replay."""
    try:
        async with db.connection() as conn:
            answer = await repo.claim(
                conn,
                user.user_id,
                code,
                exp=rules.exp_of("achievement_claim"),
                levels=rules.levels(),
                key=idempotency.key,
                request_hash=idempotency.hash("achievement", code),
            )
    except ApiError as error:
        if error.code in _COUNTED:
            metrics.achievement_claim.labels(_COUNTED[error.code]).inc()
        raise
    if not answer[2]:
        metrics.achievement_claim.labels("granted").inc()
        await wake_relays()
    return answer
