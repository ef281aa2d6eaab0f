"""Figures of the whole service: once, or as a stream of events."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.responses import Response

from ccops.backend.core.deps import CurrentUser
from ccops.backend.core.errors import responses
from ccops.backend.core.event_stream import EventStream
from ccops.backend.schemas.pipeline import GlobalMetrics
from ccops.backend.services import global_metrics
from ccops.backend.services.metrics_feed import feed

router = APIRouter(prefix="/api/metrics", tags=["metrics"])

_STREAM: dict[int | str, dict[str, object]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Events `metrics`, each a GlobalMetrics"},
    **responses("UNAUTHORIZED", "TOKEN_EXPIRED", "VALIDATION_ERROR", "TOO_MANY_STREAMS"),
}


@router.get("/global", response_model=GlobalMetrics, responses=responses("UNAUTHORIZED", "TOKEN_EXPIRED"))
async def get_global(_: CurrentUser) -> Response:
    """Return the figures, at most two seconds old."""
    return Response(await global_metrics.current(), media_type="application/json")


@router.get("/stream", status_code=200, responses=_STREAM, response_class=EventStream)
async def stream(
    user: CurrentUser, last_event_id: Annotated[str | None, Header(max_length=64)] = None
) -> EventStream:
    """Send the figures every two seconds, until the session ends; `Last-Event-ID` goes on elsewhere."""
    await global_metrics.current()  # a store that is away is an answer, not a silent stream
    queue = feed.join()
    leave = await feed.of_session(user.family, queue)
    left_s = max(0.0, user.expires_at - time.time())
    return EventStream(feed.events(queue, last_event_id), feed.stop, leave, last_s=left_s)
