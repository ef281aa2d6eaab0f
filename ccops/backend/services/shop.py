"""Use cases of the shop."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import cast
from uuid import uuid4

import orjson

from ccops.backend import metrics
from ccops.backend.core.deps import Idempotency
from ccops.backend.core.errors import ApiError
from ccops.backend.db import Connection, db
from ccops.backend.repositories import shop as repository
from ccops.backend.schemas.shop import BuyIn, ProductChange
from ccops.backend.services import fraud, mock_gateway, refusals, shop_cache
from ccops.backend.services.shop_cache import Offer
from ccops.backend.utils.redis import wake_relays


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
        if error.code in refusals.TOLD:
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
    async def write(conn: Connection, status: str, reason: str) -> None:
        await repository.tell_refusal(
            conn,
            user_id,
            product_id=wanted.product_id,
            quantity=wanted.quantity,
            status=status,
            reason=reason,
            key=key,
        )

    shop_cache.remember(user_id, wanted.product_id, key, "")
    await refusals.tell(code, write)


def _count_purchase(offer: Offer | None, status: int) -> None:
    kind = offer.kind if offer else "item"
    if status == 202:
        metrics.purchase_attempt.labels(kind, "pending", "").inc()
        return
    metrics.purchase_attempt.labels(kind, "success", "").inc()
    metrics.shop_buy_success.labels(kind).inc()


def _count_refusal(offer: Offer | None, code: str) -> None:
    refusals.count(offer.kind if offer else "item", code)
