"""Use cases of the shop."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from typing import cast
from uuid import uuid4

import orjson

from ccops.backend import metrics
from ccops.backend.core.deps import Idempotency
from ccops.backend.core.errors import ApiError
from ccops.backend.db import db
from ccops.backend.repositories import shop as repository
from ccops.backend.schemas.shop import BuyIn, ProductChange
from ccops.backend.services import fraud, mock_gateway, shop_cache
from ccops.backend.services.shop_cache import Offer
from ccops.backend.utils.redis import wake_relays

log = logging.getLogger("ccops.backend.shop")

# The metric label of a refusal; codes that are not listed count as `other`.
_REASONS = {
    "INSUFFICIENT_GOLD": "insufficient_gold",
    "IDEMPOTENCY_KEY_REUSED": "key_reused",
    "PRODUCT_ENDED": "ended",
    "RANK_REQUIRED": "rank",
    "LIMIT_REACHED": "limit",
    "FRAUD_WINDOW": "fraud",
}
# What the buyer's sockets are told. Codes that are not listed decide nothing: the same try may succeed.
_TOLD = {
    "INSUFFICIENT_GOLD": ("FAILED", "insufficient_gold"),
    "RANK_REQUIRED": ("FAILED", "rank"),
    "AGE_VERIFICATION_REQUIRED": ("FAILED", "age"),
    "PRODUCT_ENDED": ("FAILED", "ended"),
    "LIMIT_REACHED": ("FAILED", "limit"),
    "NOT_FOUND": ("FAILED", "not_found"),
    "AMOUNT_OUT_OF_RANGE": ("FAILED", "out_of_range"),
    "IDEMPOTENCY_KEY_REUSED": ("IDEMPOTENCY_CONFLICT", "key_reused"),
}
_TELL_WITHIN_S = 1.0


async def buy(user_id: int, wanted: BuyIn, idempotency: Idempotency) -> tuple[int, bytes, bool]:
    """Buy once a key: status, body bytes, replayed. A price in gold is paid now, in cents later."""
    key, product = cast(str, idempotency.key), wanted.product_id
    request_hash = idempotency.hash("buy", product, wanted.quantity)
    offer = await shop_cache.offer_of(product)
    payment = offer is not None and offer.payment
    try:
        slot = await fraud.enter(user_id, payment=payment, scope="buy", key=key, request_hash=request_hash)
    except ApiError as error:
        _count_refusal(offer, error.code)
        raise
    shop_cache.remember(user_id, product, key, shop_cache.IN_PROGRESS)
    transaction = uuid4()
    try:
        async with db.connection() as conn:
            row = await repository.buy(
                conn,
                user_id,
                product_id=product,
                quantity=wanted.quantity,
                transaction_id=transaction,
                provider=mock_gateway.PROVIDER,
                receipt=secrets.token_urlsafe(24),
                key=key,
                request_hash=request_hash,
            )
    except ApiError as error:
        _count_refusal(offer, error.code)
        if error.code in _TOLD:
            await _refused(user_id, wanted, key, error.code)
            await fraud.leave(slot)
        raise
    status, body, replayed = cast(int, row["status"]), cast(bytes, row["body"]), bool(row["replayed"])
    if replayed:
        metrics.shop_idempotent_replay.labels("match").inc()
    else:
        _count_purchase(offer, status)
        await wake_relays()
    made = str(orjson.loads(body)["transaction_id"]) if replayed else str(transaction)
    shop_cache.remember(user_id, product, key, made)
    # A replay wakes too: its first try may have been cut off before the gateway heard of it.
    if status == 202:
        mock_gateway.wake()
    return status, body, replayed


async def list_products() -> list[Mapping[str, object]]:
    """Return what is on sale now."""
    async with db.connection() as conn:
        return await repository.list_products(conn)


async def list_transactions(user_id: int, *, before: int, limit: int) -> list[Mapping[str, object]]:
    """Return the user's purchases below `before`, newest first."""
    async with db.connection() as conn:
        return await repository.list_transactions(conn, user_id, before=before, limit=limit)


async def change_product(actor_id: int, product_id: str, wanted: ProductChange) -> dict[str, object]:
    """Change a product, with an audit row."""
    async with db.connection() as conn:
        row = await repository.change_product(
            conn,
            actor_id,
            product_id=product_id,
            price=wanted.price,
            gold_amount=wanted.gold_amount,
            active=wanted.active,
            reason=wanted.reason,
        )
    return dict(row)


async def _refused(user_id: int, wanted: BuyIn, key: str, code: str) -> None:
    """Tell the buyer's sockets. The refusal is the answer: nothing that fails here may replace it."""
    shop_cache.remember(user_id, wanted.product_id, key, "")
    status, reason = _TOLD[code]
    try:
        async with asyncio.timeout(_TELL_WITHIN_S), db.connection() as conn:
            await repository.tell_refusal(
                conn,
                user_id,
                product_id=wanted.product_id,
                quantity=wanted.quantity,
                status=status,
                reason=reason,
                key=key,
            )
        await wake_relays()
    except Exception as error:  # noqa: BLE001 - a frame about nothing; the caller gets the refusal itself
        log.warning("a refusal was not told: %s", type(error).__name__)


def _count_purchase(offer: Offer | None, status: int) -> None:
    kind = offer.kind if offer else "item"
    if status == 202:
        metrics.purchase_attempt.labels(kind, "pending", "").inc()
        return
    metrics.purchase_attempt.labels(kind, "success", "").inc()
    metrics.shop_buy_success.labels(kind).inc()


def _count_refusal(offer: Offer | None, code: str) -> None:
    reason = _REASONS.get(code, "other")
    if code == "IDEMPOTENCY_KEY_REUSED":
        metrics.shop_idempotent_replay.labels("mismatch").inc()
    metrics.purchase_attempt.labels(offer.kind if offer else "item", "fail", reason).inc()
    metrics.shop_buy_failed.labels(reason).inc()
