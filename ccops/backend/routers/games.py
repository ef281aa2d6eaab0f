"""Routes of games."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from ccops.backend.core.deps import CurrentUser, OptionalKey
from ccops.backend.core.errors import responses
from ccops.backend.core.responses import stored
from ccops.backend.schemas.games import Fairness, SpinIn, SpinOut, Stats
from ccops.backend.services import games as service

router = APIRouter(prefix="/api/games", tags=["games"])

_TOKEN = ("UNAUTHORIZED", "TOKEN_EXPIRED")


@router.post(
    "/slot/spin",
    response_model=SpinOut,
    responses=responses(
        *_TOKEN,
        "BAD_REQUEST",
        "PAYLOAD_TOO_LARGE",
        "INSUFFICIENT_GOLD",
        "AGE_VERIFICATION_REQUIRED",
        "NOT_FOUND",
        "NONCE_USED",
        "IDEMPOTENCY_KEY_REUSED",
        "IDEMPOTENCY_IN_PROGRESS",
        "BUSY",
        "VALIDATION_ERROR",
        "AMOUNT_OUT_OF_RANGE",
    ),
)
async def spin(user: CurrentUser, key: OptionalKey, wanted: SpinIn) -> Response:
    """Play one round of the slot machine."""
    status, body, replayed = await service.spin(user.user_id, wanted.bet, key)
    return stored(status, body, replayed=replayed)


@router.get("/stats", responses=responses(*_TOKEN))
async def stats(user: CurrentUser) -> Stats:
    """Return the caller's totals by game."""
    return Stats.model_validate({"items": [dict(row) for row in await service.list_stats(user.user_id)]})


@router.get("/fairness", responses=responses(*_TOKEN, "NOT_FOUND"))
async def fairness(user: CurrentUser) -> Fairness:
    """Return the hash of the seed that decides the caller's next rounds."""
    return Fairness.model_validate(await service.get_fairness(user.user_id))
