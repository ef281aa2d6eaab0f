"""What the house granted."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel


class Reward(BaseModel):
    """One grant, with the ledger row that booked it."""

    source: Literal["streak", "slot", "gold_pack", "event"]
    amount: int
    balance_after: int
    ledger_seq: int
    ref_type: str
    ref_id: str
    event_id: UUID
    trace_id: str
    created_at: datetime


class RewardHistory(BaseModel):
    """The caller's grants, newest first; `next_before` continues the list."""

    items: list[Reward]
    next_before: int | None
