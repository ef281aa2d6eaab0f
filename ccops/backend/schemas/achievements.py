"""Answers of achievements."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

AchievementCode = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", examples=["FIRST_STREAK"])
]


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


class AchievementClaimed(BaseModel):
    """The reward was paid; `reward` is 0 for an achievement without gold."""

    claimed: bool
    code: str
    reward: int
    balance_after: int
    level: int
    exp: int
    event_id: UUID
