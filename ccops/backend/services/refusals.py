"""Refused purchases of the shop and of limited packages: how they are counted, and what the buyer is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from ccops.backend import metrics
from ccops.backend.db import Connection, db
from ccops.backend.utils.redis import wake_relays

log = logging.getLogger("ccops.backend.refusals")

# The metric label of a refusal; codes that are not listed count as `other`.
_REASONS = {
    "INSUFFICIENT_GOLD": "insufficient_gold",
    "IDEMPOTENCY_KEY_REUSED": "key_reused",
    "PRODUCT_ENDED": "ended",
    "ENDED": "ended",
    "RANK_REQUIRED": "rank",
    "SOLD_OUT": "sold_out",
    "LIMIT_REACHED": "limit",
    "FRAUD_WINDOW": "fraud",
}
# What the buyer's sockets are told. Codes that are not listed decide nothing: the same try may succeed.
TOLD: Mapping[str, tuple[str, str]] = {
    "INSUFFICIENT_GOLD": ("FAILED", "insufficient_gold"),
    "RANK_REQUIRED": ("FAILED", "rank"),
    "AGE_VERIFICATION_REQUIRED": ("FAILED", "age"),
    "PRODUCT_ENDED": ("FAILED", "ended"),
    "ENDED": ("FAILED", "ended"),
    "SOLD_OUT": ("FAILED", "sold_out"),
    "LIMIT_REACHED": ("FAILED", "limit"),
    "HOLD_EXPIRED": ("FAILED", "hold_expired"),
    "NOT_FOUND": ("FAILED", "not_found"),
    "AMOUNT_OUT_OF_RANGE": ("FAILED", "out_of_range"),
    "IDEMPOTENCY_KEY_REUSED": ("IDEMPOTENCY_CONFLICT", "key_reused"),
}
_TELL_WITHIN_S = 1.0
# Writes the frame's outbox row: (connection, status, reason).
Write = Callable[[Connection, str, str], Awaitable[None]]


def count(flow: str, code: str) -> None:
    """Count a refusal of `flow` (the kind of what was to be bought)."""
    reason = _REASONS.get(code, "other")
    if code == "IDEMPOTENCY_KEY_REUSED":
        metrics.shop_idempotent_replay.labels("mismatch").inc()
    metrics.purchase_attempt.labels(flow, "fail", reason).inc()
    metrics.shop_buy_failed.labels(reason).inc()


async def tell(code: str, write: Write) -> None:
    """Tell the buyer's sockets. The refusal is the answer: nothing that fails here may replace it."""
    status, reason = TOLD[code]
    try:
        async with asyncio.timeout(_TELL_WITHIN_S), db.connection() as conn:
            await write(conn, status, reason)
        await wake_relays()
    except Exception as error:  # noqa: BLE001 - a frame about nothing; the caller gets the refusal itself
        log.warning("a refusal was not told: %s", type(error).__name__)
