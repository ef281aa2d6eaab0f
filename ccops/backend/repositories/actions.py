"""SQL of user actions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from ccops.backend.db import Connection, call_context


async def record(
    conn: Connection,
    user_id: int,
    *,
    event_id: UUID | None,
    action_type: str,
    context: dict[str, object],
    client_ts: datetime | None,
) -> Mapping[str, object]:
    """Record an action; returns id, event_id, server_ts, duplicate."""
    row = await conn.fetchrow(
        "SELECT id, event_id, server_ts, duplicate FROM cc_action($1, $2, $3, $4, $5, $6)",
        call_context(),
        user_id,
        event_id,
        action_type,
        context,
        client_ts,
    )
    assert row is not None  # a function with OUT parameters always answers one row
    return row


async def list_recent(conn: Connection, user_id: int, *, limit: int) -> list[Mapping[str, object]]:
    """Return the newest actions of a user, newest first."""
    return await conn.fetch(
        """SELECT id, event_id, trace_id, action_type, context, client_ts, created_at AS server_ts
             FROM user_actions WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2""",
        user_id,
        limit,
    )
