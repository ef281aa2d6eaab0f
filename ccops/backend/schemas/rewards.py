"""What the house granted, and grants by administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import BaseModel, Field

from ccops.backend.schemas.base import RequestModel, StorableStr

Source = Literal[
    "signup", "streak", "slot", "gacha", "rps", "crash", "gold_pack", "event", "achievement", "battle_pass",
    "promo", "grant", "refund", "adjust",
]  # fmt: skip
SOURCES: tuple[str, ...] = get_args(Source)


class Reward(BaseModel):
    """One credit, with the ledger row that booked it."""

    source: Source
    amount: int
    balance_after: int
    ledger_seq: int
    ref_type: str
    ref_id: str
    event_id: UUID
    trace_id: str
    created_at: datetime


class RewardHistory(BaseModel):
    """The caller's credits, newest first; `next_before` continues the list."""

    items: list[Reward]
    next_before: int | None


class GrantIn(RequestModel):
    """Gold for a user. `ref` says what for (a ticket, a campaign); a second time it is refused."""

    user_id: Annotated[int, Field(strict=True, ge=1, le=2**63 - 1)]
    ref: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$", examples=["ticket-4711"])]
    gold: Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]
    reason: Annotated[StorableStr, Field(min_length=1, max_length=200)]


class Granted(BaseModel):
    """The gold was granted."""

    grant_id: int
    user_id: int
    ref: str
    gold: int
    balance_after: int
    ledger_seq: int
    event_id: UUID
