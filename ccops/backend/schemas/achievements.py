"""Answers of achievements."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel


class Achievement(BaseModel):
    """One achievement and how far the caller is."""

    code: str
    title: str
    metric: str
    threshold: int
    reward_gold: int
    progress: int
    unlocked: bool
    unlocked_at: datetime | None
    claimed_at: datetime | None


class AchievementList(BaseModel):
    """Every achievement, started or not."""

    achievements: list[Achievement]
