"""The catalogue, purchases and transactions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from ccops.backend.schemas.base import RequestModel, StorableStr

ProductId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", examples=["LUCKY_CHARM"])]
Kind = Literal["item", "gold_pack", "battle_pass"]
Status = Literal["PENDING", "SUCCESS", "FAILED", "REFUNDED", "REVIEW"]


class BuyIn(RequestModel):
    """What to buy, and how many."""

    product_id: ProductId
    quantity: Annotated[int, Field(strict=True, ge=1, le=1_000)] = 1


class BuyOut(BaseModel):
    """A purchase: SUCCESS with the new balance (paid in gold) or PENDING with the provider's receipt."""

    success: bool
    transaction_id: UUID
    status: Status
    product_id: str
    kind: Kind
    qty: int
    receipt: str | None = None
    balance_after: int | None = None
    event_id: UUID


class Product(BaseModel):
    """One product that is on sale now."""

    id: str
    title: str
    kind: Kind
    price_gold: int | None
    price_cents: int | None
    gold_amount: int
    min_rank: str
    adult_only: bool


class ProductChange(RequestModel):
    """What to change. `price` is in the unit the product is sold in: gold or cents."""

    price: Annotated[int, Field(strict=True, ge=1, le=2**63 - 1)] | None = None
    gold_amount: Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)] | None = None
    active: bool | None = None
    reason: Annotated[StorableStr, Field(min_length=1, max_length=200)]


class ChangedProduct(BaseModel):
    """A product as it is now. Purchases made before keep what they were promised."""

    id: str
    title: str
    kind: Literal["item", "gold_pack", "limited", "battle_pass"]
    price_gold: int | None
    price_cents: int | None
    gold_amount: int
    min_rank: str
    adult_only: bool
    active: bool


class Catalog(BaseModel):
    """Everything that is on sale now, by id."""

    items: list[Product]


class Transaction(BaseModel):
    """One purchase of the caller."""

    id: int
    transaction_id: UUID
    product_id: str
    kind: str
    qty: int
    unit_price: int
    status: Status
    receipt: str | None
    amount_cents: int | None
    failure_reason: str | None
    trace_id: str
    created_at: datetime
    settled_at: datetime | None


class Transactions(BaseModel):
    """The caller's purchases, newest first; `next_before` continues the list."""

    items: list[Transaction]
    next_before: int | None
