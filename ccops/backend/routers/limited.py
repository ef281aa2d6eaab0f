"""Routes of limited packages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from ccops.backend.core.deps import CurrentUser, RequiredKey
from ccops.backend.core.errors import responses
from ccops.backend.core.responses import stored
from ccops.backend.schemas.limited import Held, LimitedBuyIn, LimitedBuyOut, LimitedPackages, PackageId
from ccops.backend.services import limited as service

router = APIRouter(prefix="/api/shop/limited", tags=["shop"])

_TOKEN = ("UNAUTHORIZED", "TOKEN_EXPIRED")
_ADMIT = (
    *_TOKEN, "VALIDATION_ERROR", "NOT_FOUND", "RANK_REQUIRED", "AGE_VERIFICATION_REQUIRED", "NOT_STARTED",
    "ENDED", "SOLD_OUT", "LIMIT_REACHED", "ALREADY_HELD",
)  # fmt: skip
_BUY = responses(
    *_ADMIT, "BAD_REQUEST", "PAYLOAD_TOO_LARGE", "IDEMPOTENCY_KEY_MISSING", "IDEMPOTENCY_KEY_REUSED",
    "IDEMPOTENCY_IN_PROGRESS", "INSUFFICIENT_GOLD", "HOLD_EXPIRED", "FRAUD_WINDOW",
)  # fmt: skip
_BUY[202] = {"model": LimitedBuyOut, "description": "PENDING: held until the provider's webhook"}
Package = Annotated[PackageId, Path()]


@router.get("", responses=responses(*_TOKEN))
async def packages(user: CurrentUser) -> LimitedPackages:
    """Return what is on sale or will be, and what the caller has of it."""
    rows = await service.list_packages(user.user_id)
    return LimitedPackages.model_validate({"items": [dict(row) for row in rows]})


@router.post("/{package}/hold", status_code=201, responses=responses(*_ADMIT, "BUSY"))
async def hold(user: CurrentUser, package: Package) -> Held:
    """Hold one piece for a while; nobody else can buy it."""
    return Held.model_validate(dict(await service.hold(user.user_id, package)))


@router.delete(
    "/{package}/hold",
    status_code=204,
    responses=responses(*_TOKEN, "VALIDATION_ERROR", "NOT_FOUND", "BUSY"),
)
async def release(user: CurrentUser, package: Package) -> None:
    """Give the hold back; 204 as well when there is none."""
    await service.release(user.user_id, package)


@router.post("/{package}/buy", response_model=LimitedBuyOut, responses=_BUY)
async def buy(
    user: CurrentUser, key: RequiredKey, package: Package, wanted: LimitedBuyIn | None = None
) -> Response:
    """Buy one: 200 when gold pays, 202 when a provider will; the same key answers the same bytes again."""
    named = wanted.hold_id if wanted else None
    status, body, replayed = await service.buy(user.user_id, package, named_hold=named, idempotency=key)
    return stored(status, body, replayed=replayed)
