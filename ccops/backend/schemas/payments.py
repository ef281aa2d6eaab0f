"""What a payment provider tells us."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from ccops.backend.schemas.base import RequestModel

Token = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,255}$")]


class PaymentEvent(RequestModel):
    """One payment event. The same event id may arrive many times; it counts once."""

    event_id: Token
    type: Literal["payment.succeeded", "payment.failed"]
    receipt: Token
    amount_cents: Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]


class PaymentOutcome(BaseModel):
    """What became of the event; `unknown` is kept and settled when its purchase appears."""

    outcome: Literal["processed", "duplicate", "ignored", "review", "unknown"]
