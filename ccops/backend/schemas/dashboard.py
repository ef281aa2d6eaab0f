"""The answer of the dashboard, as OpenAPI shows it; the bytes come straight from the snapshot."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel


class DashboardUser(BaseModel):
    """Who the caller is."""

    id: int
    public_id: UUID
    site_id: str
    nickname: str
    rank: str
    level: int
    exp: int
    age_verified: bool


class DashboardStreak(BaseModel):
    """One streak; `count` is 0 once a day was missed."""

    action_type: str
    count: int
    longest: int
    last_claim_day: date | None
    claimed_today: bool


class DashboardAchievement(BaseModel):
    """One achievement and the caller's progress."""

    code: str
    title: str
    threshold: int
    progress: int
    unlocked: bool
    claimed: bool


class DashboardStats(BaseModel):
    """Totals of one game."""

    game: str
    plays: int
    wins: int
    losses: int
    wagered: int
    paid: int


class DashboardAction(BaseModel):
    """One recent action, newest first."""

    event_id: UUID
    action_type: str
    context: dict[str, object]
    client_ts: datetime | None
    created_at: datetime


class Unclaimed(BaseModel):
    """Rewards that wait to be claimed."""

    events: int


class Dashboard(BaseModel):
    """Everything a client shows first."""

    user: DashboardUser
    gold_balance: int
    wallet_version: int
    level: int
    exp: int
    streaks: list[DashboardStreak]
    achievements: list[DashboardAchievement]
    stats: list[DashboardStats]
    recent_actions: list[DashboardAction]
    unclaimed: Unclaimed
