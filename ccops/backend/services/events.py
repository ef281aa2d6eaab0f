"""Use cases of events. Each returns status, body bytes and whether they are a replay."""

from __future__ import annotations

from collections.abc import Mapping

from ccops.backend.core.deps import Idempotency
from ccops.backend.db import db
from ccops.backend.repositories import events as repository
from ccops.backend.rules import exp_of, levels
from ccops.backend.utils.redis import wake_relays


async def list_running(user_id: int) -> list[Mapping[str, object]]:
    """Return the running events with the user's progress."""
    async with db.connection() as conn:
        return await repository.list_running(conn, user_id)


async def join(user_id: int, event: str, idempotency: Idempotency) -> tuple[int, bytes, bool]:
    """Join a running event."""
    request_hash = idempotency.hash("event_join", event)
    async with db.connection() as conn:
        answer = await repository.join(conn, user_id, event, key=idempotency.key, request_hash=request_hash)
    return await _told(answer)


async def advance(
    user_id: int, event: str, idempotency: Idempotency, *, delta: int
) -> tuple[int, bytes, bool]:
    """Add progress to a joined event."""
    request_hash = idempotency.hash("event_progress", event, delta)
    async with db.connection() as conn:
        answer = await repository.advance(
            conn, user_id, event, delta=delta, key=idempotency.key, request_hash=request_hash
        )
    return await _told(answer)


async def claim(user_id: int, event: str, idempotency: Idempotency) -> tuple[int, bytes, bool]:
    """Pay the reward once."""
    async with db.connection() as conn:
        answer = await repository.claim(
            conn,
            user_id,
            event,
            exp=exp_of("event_claim"),
            levels=levels(),
            key=idempotency.key,
            request_hash=idempotency.hash("event_claim", event),
        )
    return await _told(answer)


async def _told(answer: tuple[int, bytes, bool]) -> tuple[int, bytes, bool]:
    if not answer[2]:
        await wake_relays()
    return answer
