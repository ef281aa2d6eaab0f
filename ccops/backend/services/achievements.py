"""Achievements: what there is to reach and how far the caller is."""

from __future__ import annotations

from ccops.backend.core.security import Claims
from ccops.backend.db import db
from ccops.backend.repositories import achievements as repo
from ccops.backend.schemas.achievements import Achievement, AchievementList


async def list_achievements(user: Claims) -> AchievementList:
    """Return every achievement with the caller's progress."""
    async with db.connection() as conn:
        rows = await repo.list_achievements(conn, user.user_id)
    return AchievementList(achievements=[Achievement.model_validate(dict(row)) for row in rows])
