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
from ccops.backend.db import db
from ccops.backend.repositories import shop as repository
from ccops.backend.schemas.shop import BuyIn
from ccops.backend.services import mock_gateway
from ccops.backend.utils.redis import wake_relays

# The label of a refusal; codes that are not listed count as `other`.
_REASONS = {
    "INSUFFICIENT_GOLD": "insufficient_gold",
    "IDEMPOTENCY_KEY_REUSED": "key_reused",
    "PRODUCT_ENDED": "ended",
    "RANK_REQUIRED": "rank",
}


async def buy(user_id: int, wanted: BuyIn, idempotency: Idempotency) -> tuple[int, bytes, bool]:
    """Buy once a key: status, body bytes, replayed. An item costs gold now, a gold pack is paid later."""
    assert idempotency.key is not None
    try:
        async with db.connection() as conn:
            row = await repository.buy(
                conn,
                user_id,
                product_id=wanted.product_id,
                quantity=wanted.quantity,
                transaction_id=uuid4(),
                provider=mock_gateway.PROVIDER,
                receipt=secrets.token_urlsafe(24),
                key=idempotency.key,
                request_hash=idempotency.hash("buy", wanted.product_id, wanted.quantity),
            )
    except ApiError as error:
        await _count_refusal(wanted.product_id, error.code)
        raise
    status, body, replayed = cast(int, row["status"]), cast(bytes, row["body"]), bool(row["replayed"])
    if replayed:
        metrics.shop_idempotent_replay.labels("match").inc()
    else:
        _count_purchase(str(orjson.loads(body)["kind"]))
        await wake_relays()
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


def _count_purchase(kind: str) -> None:
    if kind == "item":
        metrics.purchase_attempt.labels("item", "success", "").inc()
        metrics.shop_buy_success.labels("item").inc()
        return
    metrics.purchase_attempt.labels("gold_pack", "pending", "").inc()


async def _count_refusal(product_id: str, code: str) -> None:
    reason = _REASONS.get(code, "other")
    if code == "IDEMPOTENCY_KEY_REUSED":
        metrics.shop_idempotent_replay.labels("mismatch").inc()
    kind: object = "item"
    if code != "STORE_UNAVAILABLE":
        async with db.connection() as conn:
            kind = await repository.find_kind(conn, product_id)
    flow = "gold_pack" if kind == "gold_pack" else "item"
    metrics.purchase_attempt.labels(flow, "fail", reason).inc()
    metrics.shop_buy_failed.labels(reason).inc()
