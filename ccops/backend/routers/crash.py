"""Routes of crash."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from starlette.responses import Response

from ccops.backend.core.deps import CurrentUser, OptionalKey
from ccops.backend.core.errors import responses
from ccops.backend.core.responses import stored
from ccops.backend.schemas.crash import (
    CashedOut,
    CashoutIn,
    CrashBetIn,
    CrashBetOut,
    CrashCurrent,
    CrashProof,
)
from ccops.backend.services import crash as service

router = APIRouter(prefix="/api/games/crash", tags=["games"])

_TOKEN = ("UNAUTHORIZED", "TOKEN_EXPIRED")
_BODY = ("BAD_REQUEST", "PAYLOAD_TOO_LARGE", "VALIDATION_ERROR")
_LOCKS = ("IDEMPOTENCY_KEY_REUSED", "IDEMPOTENCY_IN_PROGRESS", "BUSY")
_BET = ("AMOUNT_OUT_OF_RANGE", "INSUFFICIENT_GOLD", "AGE_VERIFICATION_REQUIRED", "NOT_FOUND", "ALREADY_BET")
_LEAVE = ("ROUND_CLOSED", "ALREADY_CASHED", "CRASHED", "AMOUNT_OUT_OF_RANGE")


@router.post(
    "/bet",
    status_code=201,
    response_model=CrashBetOut,
    responses=responses(*_TOKEN, *_BODY, *_LOCKS, *_BET, "ROUND_CLOSED"),
)
async def bet(user: CurrentUser, key: OptionalKey, wanted: CrashBetIn) -> Response:
    """Bet in the round that takes bets; the first bet opens it."""
    status, body, replayed = await service.bet(user.user_id, wanted.bet, wanted.auto_x100, key)
    return stored(status, body, replayed=replayed)


@router.post(
    "/cashout",
    response_model=CashedOut,
    responses=responses(*_TOKEN, *_BODY, *_LOCKS, *_LEAVE),
)
async def cash_out(user: CurrentUser, key: OptionalKey, wanted: CashoutIn | None = None) -> Response:
    """Leave the round with the multiplier of now, if it has not crashed."""
    round_id = wanted.round_id if wanted else None
    status, body, replayed = await service.cash_out(user.user_id, round_id, key)
    return stored(status, body, replayed=replayed)


@router.get("/current", responses=responses(*_TOKEN))
async def current(user: CurrentUser) -> CrashCurrent:
    """Return the round of now, and the caller's bet in it."""
    return CrashCurrent.model_validate(await service.get_current(user.user_id))


@router.get("/{round}/verify", responses=responses(*_TOKEN, "NOT_FOUND", "VALIDATION_ERROR"))
async def verify(user: CurrentUser, round_id: Annotated[UUID, Path(alias="round")]) -> CrashProof:
    """Return the hash of a round's seed; after the crash also the seed and the crash point."""
    return CrashProof.model_validate(await service.get_proof(round_id))
