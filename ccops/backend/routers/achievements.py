"""Routes of achievements."""

from __future__ import annotations

from fastapi import APIRouter

from ccops.backend.core.deps import CurrentUser
from ccops.backend.core.errors import responses
from ccops.backend.schemas.achievements import AchievementList
from ccops.backend.services import achievements

router = APIRouter(prefix="/api/achievements", tags=["achievements"])


@router.get("", responses=responses("UNAUTHORIZED", "TOKEN_EXPIRED"))
async def list_achievements(user: CurrentUser) -> AchievementList:
    """Return every achievement with the caller's progress."""
    return await achievements.list_achievements(user)
