"""Routes of promo codes."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from ccops.backend.core.deps import CurrentUser, OptionalKey
from ccops.backend.core.errors import responses
from ccops.backend.core.responses import stored
from ccops.backend.schemas.promo import Redeem, Redeemed
from ccops.backend.services import promo

router = APIRouter(prefix="/api/shop/promo", tags=["shop"])

_REDEEM = responses(
    "UNAUTHORIZED", "TOKEN_EXPIRED", "VALIDATION_ERROR", "BAD_REQUEST", "PAYLOAD_TOO_LARGE", "PROMO_UNKNOWN",
    "PROMO_USED", "PROMO_EXHAUSTED", "PROMO_EXPIRED", "AMOUNT_OUT_OF_RANGE", "BUSY",
    "IDEMPOTENCY_KEY_REUSED", "IDEMPOTENCY_IN_PROGRESS",
)  # fmt: skip


@router.post("/redeem", responses={200: {"model": Redeemed}, **_REDEEM})
async def redeem(body: Redeem, user: CurrentUser, key: OptionalKey) -> Response:
    """Redeem a code once; the same Idempotency-Key gets the same answer again."""
    status, answer, replayed = await promo.redeem(user.user_id, code=body.code, idempotency=key)
    return stored(status, answer, replayed=replayed)
