"""Use cases of payments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from pydantic import ValidationError

from ccops.backend import metrics
from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import verify_webhook
from ccops.backend.db import db
from ccops.backend.repositories import payments as repository
from ccops.backend.schemas.payments import PaymentEvent
from ccops.backend.services.loops import each, forever
from ccops.backend.utils.redis import wake_relays

BODY_LIMIT = 65_536
RECONCILE_S = 5.0


async def receive(provider: str, signature: str | None, body: bytes) -> str:
    """Verify the signature over the raw body, then apply the event; returns the outcome."""
    if signature is None:
        raise ApiError("SIGNATURE_MALFORMED")
    verify_webhook(signature, body)
    try:
        event = PaymentEvent.model_validate_json(body)
    except ValidationError as err:
        details = [{"loc": e["loc"], "msg": e["msg"], "type": e["type"]} for e in err.errors()]
        raise ApiError("VALIDATION_ERROR", details=details) from err
    return await _settle(
        provider,
        event_id=event.event_id,
        kind=event.type,
        receipt=event.receipt,
        amount_cents=event.amount_cents,
        payload=event.model_dump(),
    )


async def reconcile() -> None:
    """Settle the kept events whose purchase has appeared since."""
    async with db.connection() as conn:
        kept = await repository.list_settleable(conn, limit=100)
    await each("payment-reconciler", kept, _settle_kept)


async def _settle_kept(event: Mapping[str, object]) -> str:
    return await _settle(
        str(event["provider"]),
        event_id=str(event["event_id"]),
        kind=str(event["kind"]),
        receipt=str(event["receipt"]),
        amount_cents=cast(int, event["amount_cents"]),
        payload=cast(dict[str, object], event["payload"]),
    )


async def run_reconciler() -> None:
    """Reconcile until cancelled."""
    await forever("payment-reconciler", reconcile, every_s=RECONCILE_S)


async def _settle(
    provider: str, *, event_id: str, kind: str, receipt: str, amount_cents: int, payload: dict[str, object]
) -> str:
    async with db.connection() as conn:
        outcome = await repository.settle(
            conn,
            provider=provider,
            event_id=event_id,
            kind=kind,
            receipt=receipt,
            amount_cents=amount_cents,
            payload=payload,
        )
    _count(kind, outcome)
    if outcome in {"processed", "review"}:
        await wake_relays()
    return outcome


def _count(kind: str, outcome: str) -> None:
    if outcome == "review":
        metrics.purchase_attempt.labels("webhook", "fail", "other").inc()
    elif outcome == "processed" and kind == "payment.succeeded":
        metrics.purchase_attempt.labels("webhook", "success", "").inc()
        metrics.shop_buy_success.labels("gold_pack").inc()
    elif outcome == "processed":
        metrics.purchase_attempt.labels("webhook", "fail", "declined").inc()
        metrics.shop_buy_failed.labels("declined").inc()
