"""Routes of actions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from ccops.backend.core.deps import CurrentUser
from ccops.backend.core.errors import responses
from ccops.backend.schemas.actions import ActionIn, ActionOut, RecentActions
from ccops.backend.services import actions as service

router = APIRouter(prefix="/api/actions", tags=["actions"])

_COMMON = ("UNAUTHORIZED", "TOKEN_EXPIRED", "VALIDATION_ERROR")


@router.post(
    "",
    status_code=201,
    responses={
        200: {"model": ActionOut, "description": "This event id was recorded before"},
        **responses(*_COMMON, "BAD_REQUEST", "PAYLOAD_TOO_LARGE", "NOT_FOUND", "BUSY"),
    },
)
async def record(user: CurrentUser, action: ActionIn, response: Response) -> ActionOut:
    """Record one action."""
    row = await service.record(user.user_id, action)
    if row["duplicate"]:
        response.status_code = 200
    return ActionOut.model_validate(dict(row))


@router.get("/recent/{user_id}", responses=responses(*_COMMON, "FORBIDDEN"))
async def recent(
    user: CurrentUser,
    user_id: Annotated[int, Path(ge=1, le=2**63 - 1)],
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> RecentActions:
    """Return the newest actions of a user (yourself, or anybody for an ADMIN)."""
    rows = await service.list_recent(user, user_id, limit=limit)
    return RecentActions.model_validate({"items": [dict(row) for row in rows]})
