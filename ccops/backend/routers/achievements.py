"""Routes of achievements."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from ccops.backend.core.deps import CurrentUser, OptionalKey
from ccops.backend.core.errors import responses
from ccops.backend.core.responses import stored
from ccops.backend.schemas.achievements import AchievementClaimed, AchievementCode, AchievementList
from ccops.backend.services import achievements

router = APIRouter(prefix="/api/achievements", tags=["achievements"])

_CLAIM = responses(
    "UNAUTHORIZED", "TOKEN_EXPIRED", "NOT_FOUND", "NOT_UNLOCKED", "ALREADY_CLAIMED", "VALIDATION_ERROR",
    "IDEMPOTENCY_KEY_REUSED", "IDEMPOTENCY_IN_PROGRESS", "BUSY",
)  # fmt: skip


@router.get("", responses=responses("UNAUTHORIZED", "TOKEN_EXPIRED"))
async def list_achievements(user: CurrentUser) -> AchievementList:
    """Return every achievement with the caller's progress."""
    return await achievements.list_achievements(user)


@router.post("/{code}/claim", response_model=AchievementClaimed, responses=_CLAIM)
async def claim(user: CurrentUser, key: OptionalKey, code: Annotated[AchievementCode, Path()]) -> Response:
    """Claim the reward of an unlocked achievement once."""
    status, body, replayed = await achievements.claim(user, code, key)
    return stored(status, body, replayed=replayed)
