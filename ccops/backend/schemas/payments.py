"""What a payment provider tells us, and what a person decides."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from ccops.backend.schemas.base import RequestModel, StorableStr

Token = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,255}$")]


Reason = Annotated[StorableStr, Field(min_length=1, max_length=200)]
Kind = Literal["item", "gold_pack", "limited", "battle_pass"]


class PaymentEvent(RequestModel):
    """One payment event. The same event id may arrive many times; it counts once."""

    event_id: Token
    type: Literal["payment.succeeded", "payment.failed"]
    receipt: Token
    amount_cents: Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]


class PaymentOutcome(BaseModel):
    """What became of the event; `unknown` is kept and settled when its purchase appears."""

    outcome: Literal["processed", "duplicate", "ignored", "review", "unknown"]


class Decision(RequestModel):
    """A person's decision about an open payment. `amount_cents` is what the provider really received."""

    amount_cents: Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
    decision: Literal["approve", "reject"]
    reason: Reason


class Decided(BaseModel):
    """The payment after the decision; `balance_after` only when gold was credited."""

    transaction_id: UUID
    status: Literal["SUCCESS", "FAILED"]
    kind: Kind
    balance_after: int | None = None
    event_id: UUID


class RefundIn(RequestModel):
    """Why a purchase is refunded."""

    reason: Reason


class Refund(BaseModel):
    """A refunded purchase; `gold` is what the wallet got back (negative: what was taken from it)."""

    transaction_id: UUID
    status: Literal["REFUNDED"]
    kind: Kind
    gold: int | None = None
    balance_after: int | None = None
    event_id: UUID
