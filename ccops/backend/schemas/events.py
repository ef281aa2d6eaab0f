"""Events that players join, advance and claim."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from ccops.backend.schemas.base import RequestModel

EventName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", examples=["WELCOME"])]


class ProgressIn(RequestModel):
    """How much was achieved since the last call."""

    delta: Annotated[int, Field(strict=True, ge=1, le=1_000)]


class GameEvent(BaseModel):
    """A running event and how far the caller is."""

    id: str
    title: str
    kind: str
    goal: int
    reward_gold: int
    starts_at: datetime
    ends_at: datetime | None
    joined: bool
    progress: int
    completed: bool
    claimed: bool


class GameEvents(BaseModel):
    """The running events."""

    items: list[GameEvent]


class Joined(BaseModel):
    """The caller takes part from now on."""

    event: str
    goal: int
    reward_gold: int
    progress: int = 0


class Progress(BaseModel):
    """How far the caller is; capped at the goal."""

    event: str
    progress: int
    goal: int
    completed: bool
    event_id: UUID


class Claimed(BaseModel):
    """The reward was paid."""

    claimed: bool
    event: str
    reward: int
    balance_after: int
    level: int
    exp: int
    event_id: UUID
