"""Use cases of payments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast
from uuid import UUID

from pydantic import ValidationError

from ccops.backend import metrics
from ccops.backend.core.deps import Idempotency
from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import verify_webhook
from ccops.backend.db import db
from ccops.backend.repositories import payments as repository
from ccops.backend.schemas.payments import Decision, PaymentEvent
from ccops.backend.services.claims import claimed
from ccops.backend.services.loops import each, forever
from ccops.backend.utils.redis import wake_relays

BODY_LIMIT = 65_536
RECONCILE_S = 5.0


async def receive(provider: str, signature: str | None, body: bytes) -> str:
    """Verify the signature over the raw body, then apply the event; returns the outcome."""
    try:
        event = _read(signature, body)
    except ApiError:
        metrics.payment_events.labels("rejected").inc()
        raise
    return await _settle(
        provider,
        event_id=event.event_id,
        kind=event.type,
        receipt=event.receipt,
        amount_cents=event.amount_cents,
        payload=event.model_dump(),
    )


def _read(signature: str | None, body: bytes) -> PaymentEvent:
    if signature is None:
        raise ApiError("SIGNATURE_MALFORMED")
    verify_webhook(signature, body)
    try:
        return PaymentEvent.model_validate_json(body)
    except ValidationError as err:
        details = [{"loc": e["loc"], "msg": e["msg"], "type": e["type"]} for e in err.errors()]
        raise ApiError("VALIDATION_ERROR", details=details) from err


async def decide(actor_id: int, transaction_id: UUID, wanted: Decision) -> Mapping[str, object]:
    """Settle an open payment by an administrator's decision."""
    async with db.connection() as conn:
        answer = await repository.decide(
            conn,
            actor_id,
            transaction_id,
            amount_cents=wanted.amount_cents,
            approve=wanted.decision == "approve",
            reason=wanted.reason,
        )
    metrics.payments_by_hand.labels(wanted.decision).inc()
    if wanted.decision == "approve":
        metrics.shop_buy_success.labels(str(answer["kind"])).inc()
    await wake_relays()
    return answer


async def refund(
    actor_id: int, transaction_id: UUID, *, reason: str, idempotency: Idempotency
) -> tuple[int, bytes, bool]:
    """Refund a purchase once: status, body bytes, replayed."""
    try:
        async with db.connection() as conn:
            row = await repository.refund(
                conn,
                actor_id,
                transaction_id,
                reason=reason,
                key=cast(str, idempotency.key),
                request_hash=idempotency.hash("refund", str(transaction_id), reason),
            )
    except ApiError:
        metrics.refunds.labels("refused").inc()
        raise
    if not row["replayed"]:
        metrics.refunds.labels("done").inc()
        await wake_relays()
    return cast(int, row["status"]), cast(bytes, row["body"]), bool(row["replayed"])


async def reconcile() -> None:
    """Settle the kept events whose purchase has appeared since; count what still waits."""
    async with db.connection() as conn:
        kept = await repository.list_settleable(conn, limit=100)
        waiting = {
            str(row["kind"]): cast(int, row["pending"]) for row in await repository.count_pending(conn)
        }
    for flow in metrics.PAID_OUTSIDE:
        metrics.purchase_pending.labels(flow).set(waiting.get(flow, 0))
    await each("payment-reconciler", kept, _settle_kept)


async def _settle_kept(event: Mapping[str, object]) -> None:
    provider, event_id = str(event["provider"]), str(event["event_id"])
    async with claimed(f"settle:{provider}:{event_id}") as mine:
        if not mine:
            return
        await _settle(
            provider,
            event_id=event_id,
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
        row = await repository.settle(
            conn,
            provider=provider,
            event_id=event_id,
            kind=kind,
            receipt=receipt,
            amount_cents=amount_cents,
            payload=payload,
        )
    outcome = str(row["outcome"])
    _count(kind, outcome, str(row["flow"]))
    if outcome in {"processed", "review"}:
        await wake_relays()
    return outcome


def _count(kind: str, outcome: str, flow: str) -> None:
    metrics.payment_events.labels(outcome).inc()
    if outcome == "review":
        metrics.purchase_attempt.labels("webhook", "fail", "review").inc()
    elif outcome == "processed" and kind == "payment.succeeded":
        metrics.purchase_attempt.labels("webhook", "success", "").inc()
        metrics.shop_buy_success.labels(flow).inc()
    elif outcome == "processed":
        metrics.purchase_attempt.labels("webhook", "fail", "declined").inc()
        metrics.shop_buy_failed.labels("declined").inc()
