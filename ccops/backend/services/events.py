"""Use cases of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from ccops.backend.core.deps import Idempotency
from ccops.backend.db import db
from ccops.backend.repositories import events as repository
from ccops.backend.rules import exp_of, levels
from ccops.backend.utils.redis import wake_relays


async def list_running(user_id: int) -> list[Mapping[str, object]]:
    """Return the running events with the user's progress."""
    async with db.connection() as conn:
        return await repository.list_running(conn, user_id)


async def join(user_id: int, event: str) -> Mapping[str, object]:
    """Join a running event."""
    async with db.connection() as conn:
        row = await repository.join(conn, user_id, event)
    await wake_relays()
    return row


async def advance(user_id: int, event: str, *, delta: int) -> Mapping[str, object]:
    """Add progress to a joined event."""
    async with db.connection() as conn:
        row = await repository.advance(conn, user_id, event, delta=delta)
    await wake_relays()
    return row


async def claim(user_id: int, event: str, idempotency: Idempotency) -> tuple[int, bytes, bool]:
    """Pay the reward once: status, body bytes, replayed."""
    async with db.connection() as conn:
        row = await repository.claim(
            conn,
            user_id,
            event,
            exp=exp_of("event_claim"),
            levels=levels(),
            key=idempotency.key,
            request_hash=idempotency.hash("event_claim", event) if idempotency.key else None,
        )
    if not row["replayed"]:
        await wake_relays()
    return cast(int, row["status"]), cast(bytes, row["body"]), bool(row["replayed"])
