"""Requests and answers of streaks."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from pydantic import BaseModel, Field

from ccops.backend.schemas.base import RequestModel, StorableStr


class StreakClaim(RequestModel):
    """Which streak to claim today."""

    action_type: StorableStr = Field(min_length=1, max_length=32, examples=["DAILY"])


class StreakClaimed(BaseModel):
    """What a claim granted."""

    claimed: bool
    action_type: str
    streak_count: int
    claimed_day: date
    reward: int
    balance_after: int
    level: int
    exp: int
    event_id: UUID


class Streak(BaseModel):
    """One streak as it stands today; `count` is 0 once a day was missed."""

    action_type: str
    count: int
    longest: int
    last_claim_day: date | None
    claimed_today: bool
    next_reward: int


class StreakStatus(BaseModel):
    """Every streak on the game's calendar day."""

    today: date
    streaks: list[Streak]
