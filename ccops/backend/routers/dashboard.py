"""Routes of dashboard."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header
from starlette.responses import Response

from ccops.backend.core.deps import CurrentUser
from ccops.backend.core.errors import responses
from ccops.backend.schemas.dashboard import Dashboard
from ccops.backend.services import dashboard

router = APIRouter(prefix="/api/dashboard", tags=["dashboard"])

_ANSWERS: dict[int | str, dict[str, object]] = {
    200: {"model": Dashboard},
    304: {"description": "The client's copy is still good"},
    **responses("UNAUTHORIZED", "TOKEN_EXPIRED", "VALIDATION_ERROR"),
}


@router.get("", responses=_ANSWERS)
async def get_dashboard(
    user: CurrentUser, if_none_match: Annotated[str | None, Header(max_length=4096)] = None
) -> Response:
    """Return everything a client shows first, or 304 when `If-None-Match` holds the current tag."""
    body, tag = await dashboard.tagged(user.user_id)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if dashboard.unchanged(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")
