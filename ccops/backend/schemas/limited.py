"""Limited packages: what is left, holds, purchases."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from ccops.backend.schemas.base import RequestModel

PackageId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", examples=["FOUNDERS_CHEST"])]


class LimitedPackage(BaseModel):
    """One package: its stock, its times, and what the caller has of it."""

    id: str
    product_id: str
    title: str
    price_gold: int | None
    price_cents: int | None
    gold_amount: int
    min_rank: str
    adult_only: bool
    stock_total: int
    stock_left: int
    per_user_limit: int
    hold_s: int = Field(description="Seconds that a hold lasts")
    starts_at: datetime
    ends_at: datetime | None
    state: Literal["upcoming", "open", "sold_out"]
    mine: int = Field(description="What the caller holds or has bought; at most per_user_limit")
    hold_id: UUID | None = Field(description="The caller's live hold")
    hold_expires_at: datetime | None


class LimitedPackages(BaseModel):
    """Every package that is on sale or will be, by id."""

    items: list[LimitedPackage]


class Held(BaseModel):
    """A hold: one piece is the caller's until `expires_at`."""

    hold_id: UUID
    expires_at: datetime
    stock_left: int


class LimitedBuyIn(RequestModel):
    """What to insist on: with `hold_id` only that hold is bought; without, whatever is there."""

    hold_id: UUID | None = None


class LimitedBuyOut(BaseModel):
    """A purchase: SUCCESS with the new balance, or PENDING with the provider's receipt while it is held."""

    success: bool
    transaction_id: UUID
    status: Literal["SUCCESS", "PENDING"]
    package_id: str
    product_id: str
    kind: Literal["limited"]
    qty: int
    hold_id: UUID
    expires_at: datetime | None = None
    receipt: str | None = None
    balance_after: int | None = None
    event_id: UUID
