"""Routes of the battle pass; the pass itself is bought in the shop."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from ccops.backend.core.deps import CurrentUser, OptionalKey
from ccops.backend.core.errors import responses
from ccops.backend.core.responses import stored
from ccops.backend.schemas.battlepass import BattlePass, PassClaim, PassClaimed
from ccops.backend.services import battlepass

router = APIRouter(prefix="/api/battlepass", tags=["battlepass"])

_TOKEN = ("UNAUTHORIZED", "TOKEN_EXPIRED")
_CLAIM = responses(
    *_TOKEN, "NOT_FOUND", "LEVEL_LOCKED", "ALREADY_CLAIMED", "PREMIUM_REQUIRED", "ENDED", "VALIDATION_ERROR",
    "BAD_REQUEST", "PAYLOAD_TOO_LARGE", "IDEMPOTENCY_KEY_REUSED", "IDEMPOTENCY_IN_PROGRESS", "BUSY",
)  # fmt: skip


@router.get("", responses=responses(*_TOKEN, "NOT_FOUND"))
async def state(user: CurrentUser) -> BattlePass:
    """Return the season that started last, its rewards, and what the caller has of them."""
    return await battlepass.state(user)


@router.post("/claim", response_model=PassClaimed, responses=_CLAIM)
async def claim(body: PassClaim, user: CurrentUser, key: OptionalKey) -> Response:
    """Claim one reward of the running season once."""
    status, answer, replayed = await battlepass.claim(
        user, level=body.level, track=body.track, idempotency=key
    )
    return stored(status, answer, replayed=replayed)
