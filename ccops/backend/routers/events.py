"""Routes of events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from ccops.backend.core.deps import CurrentUser, OptionalKey
from ccops.backend.core.errors import responses
from ccops.backend.core.responses import stored
from ccops.backend.schemas.events import Claimed, EventName, GameEvents, Joined, Progress, ProgressIn
from ccops.backend.services import events as service

router = APIRouter(prefix="/api/events", tags=["events"])

_TOKEN = ("UNAUTHORIZED", "TOKEN_EXPIRED")
_WRITE = (*_TOKEN, "VALIDATION_ERROR", "NOT_FOUND", "EVENT_ENDED", "BUSY", "IDEMPOTENCY_IN_PROGRESS")
Event = Annotated[EventName, Path()]


@router.get("", responses=responses(*_TOKEN))
async def running(user: CurrentUser) -> GameEvents:
    """Return the running events and how far the caller is."""
    return GameEvents.model_validate(
        {"items": [dict(row) for row in await service.list_running(user.user_id)]}
    )


@router.post("/{event}/join", status_code=201, responses=responses(*_WRITE, "ALREADY_JOINED"))
async def join(user: CurrentUser, event: Event) -> Joined:
    """Join a running event."""
    return Joined.model_validate(dict(await service.join(user.user_id, event)))


@router.post(
    "/{event}/progress", responses=responses(*_WRITE, "BAD_REQUEST", "PAYLOAD_TOO_LARGE", "NOT_JOINED")
)
async def progress(user: CurrentUser, event: Event, made: ProgressIn) -> Progress:
    """Add progress to a joined event."""
    row = await service.advance(user.user_id, event, delta=made.delta)
    return Progress.model_validate({"event": event, **row})


@router.post(
    "/{event}/claim",
    response_model=Claimed,
    responses=responses(*_WRITE, "NOT_JOINED", "NOT_COMPLETED", "ALREADY_CLAIMED", "IDEMPOTENCY_KEY_REUSED"),
)
async def claim(user: CurrentUser, key: OptionalKey, event: Event) -> Response:
    """Claim the reward of a completed event."""
    status, body, replayed = await service.claim(user.user_id, event, key)
    return stored(status, body, replayed=replayed)
