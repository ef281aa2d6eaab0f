"""Promo codes: once a user, as often as the code allows."""

from __future__ import annotations

from ccops.backend import metrics
from ccops.backend.core.deps import Idempotency
from ccops.backend.core.errors import ApiError
from ccops.backend.db import db
from ccops.backend.repositories import promo as repository
from ccops.backend.utils.redis import wake_relays

_RESULTS = {
    "PROMO_UNKNOWN": "unknown",
    "PROMO_USED": "used",
    "PROMO_EXHAUSTED": "exhausted",
    "PROMO_EXPIRED": "expired",
}


async def redeem(user_id: int, *, code: str, idempotency: Idempotency) -> tuple[int, bytes, bool]:
    """Redeem a code; returns status, stored body and whether it is a replay."""
    try:
        async with db.connection() as conn:
            answer = await repository.redeem(
                conn, user_id, code=code, key=idempotency.key, request_hash=idempotency.hash("promo", code)
            )
    except ApiError as error:
        if error.code in _RESULTS:
            metrics.promo_redeem.labels(_RESULTS[error.code]).inc()
        raise
    if not answer[2]:
        metrics.promo_redeem.labels("granted").inc()
        await wake_relays()
    return answer
