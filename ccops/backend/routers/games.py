"""Routes of the games that a seed decides at once, and of their fairness."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from ccops.backend.core.deps import CurrentUser, OptionalKey
from ccops.backend.core.errors import responses
from ccops.backend.core.responses import stored
from ccops.backend.schemas.games import (
    Fairness,
    PlayIn,
    PlayOut,
    PullIn,
    PullOut,
    Rotated,
    RotateIn,
    SpinIn,
    SpinOut,
    Stats,
)
from ccops.backend.services import games as service
from ccops.backend.services.rounds import Wanted

router = APIRouter(prefix="/api/games", tags=["games"])

_TOKEN = ("UNAUTHORIZED", "TOKEN_EXPIRED")
_BODY = ("BAD_REQUEST", "PAYLOAD_TOO_LARGE", "VALIDATION_ERROR")
_ROUND = responses(
    *_TOKEN,
    *_BODY,
    "INSUFFICIENT_GOLD",
    "AGE_VERIFICATION_REQUIRED",
    "NOT_FOUND",
    "NONCE_USED",
    "IDEMPOTENCY_KEY_REUSED",
    "IDEMPOTENCY_IN_PROGRESS",
    "BUSY",
    "AMOUNT_OUT_OF_RANGE",
)


@router.post("/slot/spin", response_model=SpinOut, responses=_ROUND)
async def spin(user: CurrentUser, key: OptionalKey, wanted: SpinIn) -> Response:
    """Play one round of the slot machine."""
    status, body, replayed = await service.play(user.user_id, Wanted("slot", wanted.bet), key)
    return stored(status, body, replayed=replayed)


@router.post("/gacha/pull", response_model=PullOut, responses=_ROUND)
async def pull(user: CurrentUser, key: OptionalKey, wanted: PullIn) -> Response:
    """Draw one prize."""
    status, body, replayed = await service.play(user.user_id, Wanted("gacha", wanted.bet), key)
    return stored(status, body, replayed=replayed)


@router.post("/rps/play", response_model=PlayOut, responses=_ROUND)
async def play(user: CurrentUser, key: OptionalKey, wanted: PlayIn) -> Response:
    """Show a hand against the house's."""
    status, body, replayed = await service.play(user.user_id, Wanted("rps", wanted.bet, wanted.choice), key)
    return stored(status, body, replayed=replayed)


@router.get("/stats", responses=responses(*_TOKEN))
async def stats(user: CurrentUser) -> Stats:
    """Return the caller's totals by game."""
    return Stats.model_validate({"items": [dict(row) for row in await service.list_stats(user.user_id)]})


@router.get("/fairness", responses=responses(*_TOKEN, "NOT_FOUND"))
async def fairness(user: CurrentUser) -> Fairness:
    """Return the hash of the seed that decides the caller's next rounds, and the seeds revealed lately."""
    return Fairness.model_validate(await service.get_fairness(user.user_id))


@router.post(
    "/fairness/rotate",
    responses=responses(*_TOKEN, *_BODY, "NOT_FOUND", "BUSY"),
)
async def rotate(user: CurrentUser, wanted: RotateIn | None = None) -> Rotated:
    """Reveal the seed of the caller's rounds so far and commit to a new one."""
    seed = wanted.client_seed if wanted else None
    return Rotated.model_validate(await service.rotate(user.user_id, seed))
