"""Requests and answers of the battle pass."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from ccops.backend.schemas.base import RequestModel

Track = Literal["free", "premium"]


class PassClaim(RequestModel):
    """Which reward of the running season to claim."""

    level: Annotated[int, Field(strict=True, ge=1, le=1_000)]
    track: Track


class PassReward(BaseModel):
    """One reward; `unlocked` = the caller may claim it, or has."""

    level: int
    reward_gold: int
    unlocked: bool
    claimed: bool


class Tracks(BaseModel):
    """The rewards by track, level 1 first."""

    free: list[PassReward]
    premium: list[PassReward]


class BattlePass(BaseModel):
    """The season that started last and how far the caller is."""

    season: str
    title: str
    starts_at: datetime
    ends_at: datetime | None
    ended: bool
    level: int
    exp: int
    next_level_exp: int | None = Field(description="Experience of the next level; null on the last")
    owned: bool
    product_id: str | None = Field(description="The product that opens the premium track")
    tracks: Tracks


class PassClaimed(BaseModel):
    """The reward was paid."""

    claimed: bool
    season: str
    track: Track
    level: int
    reward: int
    balance_after: int
    event_id: UUID
