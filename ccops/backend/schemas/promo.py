"""Promo codes."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, Field

from ccops.backend.schemas.base import RequestModel, StorableStr


class Redeem(RequestModel):
    """Which code to redeem; case matters."""

    code: StorableStr = Field(min_length=1, max_length=64, examples=["WELCOME100"])


class Redeemed(BaseModel):
    """What the code granted."""

    redeemed: bool
    code: str
    reward: int
    balance_after: int
    event_id: UUID
