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
_WRITE = (
    *_TOKEN, "VALIDATION_ERROR", "NOT_FOUND", "BUSY", "IDEMPOTENCY_KEY_REUSED", "IDEMPOTENCY_IN_PROGRESS",
)  # fmt: skip
_JOIN = responses(*_WRITE, "ALREADY_JOINED", "EVENT_ENDED")
_PROGRESS = responses(*_WRITE, "BAD_REQUEST", "PAYLOAD_TOO_LARGE", "NOT_JOINED", "EVENT_ENDED")
_CLAIM = responses(*_WRITE, "NOT_JOINED", "NOT_COMPLETED", "ALREADY_CLAIMED")
Event = Annotated[EventName, Path()]


@router.get("", responses=responses(*_TOKEN))
async def running(user: CurrentUser) -> GameEvents:
    """Return the running events and how far the caller is."""
    return GameEvents.model_validate(
        {"items": [dict(row) for row in await service.list_running(user.user_id)]}
    )


@router.post("/{event}/join", status_code=201, response_model=Joined, responses=_JOIN)
async def join(user: CurrentUser, key: OptionalKey, event: Event) -> Response:
    """Join a running event; a full one is over for those who are not in."""
    status, body, replayed = await service.join(user.user_id, event, key)
    return stored(status, body, replayed=replayed)


@router.post("/{event}/progress", response_model=Progress, responses=_PROGRESS)
async def progress(user: CurrentUser, key: OptionalKey, event: Event, made: ProgressIn) -> Response:
    """Add progress to a joined event; under an Idempotency-Key a retry adds it once."""
    status, body, replayed = await service.advance(user.user_id, event, key, delta=made.delta)
    return stored(status, body, replayed=replayed)


@router.post("/{event}/claim", response_model=Claimed, responses=_CLAIM)
async def claim(user: CurrentUser, key: OptionalKey, event: Event) -> Response:
    """Claim the reward of a completed event, also after the event's end."""
    status, body, replayed = await service.claim(user.user_id, event, key)
    return stored(status, body, replayed=replayed)
