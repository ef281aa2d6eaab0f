"""SQL of events."""

from __future__ import annotations

from collections.abc import Mapping

from ccops.backend.db import Connection, call_context


async def list_running(conn: Connection, user_id: int) -> list[Mapping[str, object]]:
    """Return the running events with a user's progress."""
    return await conn.fetch(
        """SELECT e.id, e.title, e.kind, e.goal, e.reward_gold, e.starts_at, e.ends_at,
                  p.user_id IS NOT NULL AS joined, coalesce(p.progress, 0) AS progress,
                  p.completed_at IS NOT NULL AS completed, p.claimed_at IS NOT NULL AS claimed
             FROM game_events e
             LEFT JOIN event_participants p ON p.event_id = e.id AND p.user_id = $1
            WHERE e.starts_at <= now() AND (e.ends_at IS NULL OR e.ends_at > now())
            ORDER BY e.id""",
        user_id,
    )


async def join(conn: Connection, user_id: int, event: str) -> Mapping[str, object]:
    """Join an event; returns event, goal, reward_gold."""
    row = await conn.fetchrow(
        "SELECT id AS event, goal, reward_gold FROM cc_event_join($1, $2, $3)",
        call_context(),
        user_id,
        event,
    )
    assert row is not None  # the function returns a row or raises
    return row


async def advance(conn: Connection, user_id: int, event: str, *, delta: int) -> Mapping[str, object]:
    """Add progress; returns progress, goal, completed, event_id."""
    row = await conn.fetchrow(
        """SELECT progress, goal, completed, outbox_event AS event_id
             FROM cc_event_progress($1, $2, $3, $4)""",
        call_context(),
        user_id,
        event,
        delta,
    )
    assert row is not None  # a function with OUT parameters always answers one row
    return row


async def claim(
    conn: Connection,
    user_id: int,
    event: str,
    *,
    exp: int,
    levels: list[int],
    key: str | None,
    request_hash: bytes | None,
) -> Mapping[str, object]:
    """Pay the reward of a completed event once; returns status, body (bytes), replayed."""
    row = await conn.fetchrow(
        "SELECT status, body, replayed FROM cc_event_claim($1, $2, $3, $4, $5, $6, $7)",
        call_context(),
        user_id,
        event,
        exp,
        levels,
        key,
        request_hash,
    )
    assert row is not None  # a function with OUT parameters always answers one row
    return row
