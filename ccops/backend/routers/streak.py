"""Routes of streak."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from ccops.backend.core.deps import CurrentUser, OptionalKey
from ccops.backend.core.errors import responses
from ccops.backend.core.responses import stored
from ccops.backend.schemas.streak import StreakClaim, StreakClaimed, StreakStatus
from ccops.backend.services import streak

router = APIRouter(prefix="/api/streak", tags=["streak"])

_CLAIM = responses(
    "UNAUTHORIZED", "TOKEN_EXPIRED", "NOT_FOUND", "ALREADY_CLAIMED", "IDEMPOTENCY_KEY_REUSED",
    "IDEMPOTENCY_IN_PROGRESS", "BUSY", "VALIDATION_ERROR", "BAD_REQUEST", "PAYLOAD_TOO_LARGE",
)  # fmt: skip


@router.get("/status", responses=responses("UNAUTHORIZED", "TOKEN_EXPIRED"))
async def status(user: CurrentUser) -> StreakStatus:
    """Return every streak as it stands today."""
    return await streak.status(user)


@router.post("/claim", responses={200: {"model": StreakClaimed}, **_CLAIM})
async def claim(body: StreakClaim, user: CurrentUser, key: OptionalKey) -> Response:
    """Claim today's streak once; the same Idempotency-Key gets the same answer again."""
    answer, stored_body, replayed = await streak.claim(user, action_type=body.action_type, idempotency=key)
    return stored(answer, stored_body, replayed=replayed)
