"""Routes of the shop."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from ccops.backend.core.deps import CurrentUser, RequiredKey
from ccops.backend.core.errors import responses
from ccops.backend.core.express import Lane
from ccops.backend.core.responses import stored
from ccops.backend.schemas.shop import BuyIn, BuyOut, Catalog, Transactions
from ccops.backend.services import shop as service

router = APIRouter(prefix="/api/shop", tags=["shop"])

_COMMON = ("UNAUTHORIZED", "TOKEN_EXPIRED", "VALIDATION_ERROR")


@router.get("/catalog", responses=responses("UNAUTHORIZED", "TOKEN_EXPIRED"))
async def catalog(user: CurrentUser) -> Catalog:
    """Return everything that is on sale now."""
    return Catalog.model_validate({"items": [dict(row) for row in await service.list_products()]})


@router.get("/transactions", responses=responses(*_COMMON))
async def transactions(
    user: CurrentUser,
    before: Annotated[int, Query(ge=1, le=2**63 - 1)] = 2**63 - 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Transactions:
    """Return the caller's purchases, newest first."""
    rows = await service.list_transactions(user.user_id, before=before, limit=limit)
    last = rows[-1]["id"] if len(rows) == limit else None
    return Transactions.model_validate({"items": [dict(row) for row in rows], "next_before": last})


@router.post(
    "/buy",
    response_model=BuyOut,
    responses={
        202: {"model": BuyOut, "description": "PENDING: the payment provider's webhook settles it"},
        **responses(
            *_COMMON,
            "BAD_REQUEST",
            "PAYLOAD_TOO_LARGE",
            "IDEMPOTENCY_KEY_MISSING",
            "INSUFFICIENT_GOLD",
            "RANK_REQUIRED",
            "AGE_VERIFICATION_REQUIRED",
            "NOT_FOUND",
            "IDEMPOTENCY_KEY_REUSED",
            "IDEMPOTENCY_IN_PROGRESS",
            "BUSY",
            "PRODUCT_ENDED",
            "AMOUNT_OUT_OF_RANGE",
            "LIMIT_REACHED",
            "FRAUD_WINDOW",
        ),
    },
)
async def buy(user: CurrentUser, key: RequiredKey, wanted: BuyIn) -> Response:
    """Buy: 200 paid in gold, 202 paid outside; the same key answers the same bytes again."""
    status, body, replayed = await service.buy(user.user_id, wanted, key)
    return stored(status, body, replayed=replayed)


EXPRESS = (Lane("/api/shop/buy", BuyIn, buy),)
