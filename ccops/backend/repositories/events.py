"""SQL of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

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


async def join(
    conn: Connection, user_id: int, event: str, *, key: str | None, request_hash: bytes
) -> tuple[int, bytes, bool]:
    """Join an event; returns status, body and whether it is a replay."""
    return _answer(
        await conn.fetchrow(
            "SELECT status, body, replayed FROM cc_event_join($1, $2, $3, $4, $5)",
            call_context(), user_id, event, key, request_hash,
        )
    )  # fmt: skip


async def advance(
    conn: Connection, user_id: int, event: str, *, delta: int, key: str | None, request_hash: bytes
) -> tuple[int, bytes, bool]:
    """Add progress; returns status, body and whether it is a replay."""
    return _answer(
        await conn.fetchrow(
            "SELECT status, body, replayed FROM cc_event_progress($1, $2, $3, $4, $5, $6)",
            call_context(), user_id, event, delta, key, request_hash,
        )
    )  # fmt: skip


async def claim(
    conn: Connection,
    user_id: int,
    event: str,
    *,
    exp: int,
    levels: list[int],
    key: str | None,
    request_hash: bytes,
) -> tuple[int, bytes, bool]:
    """Pay the reward of a completed event once; returns status, body and whether it is a replay."""
    return _answer(
        await conn.fetchrow(
            "SELECT status, body, replayed FROM cc_event_claim($1, $2, $3, $4, $5, $6, $7)",
            call_context(), user_id, event, exp, levels, key, request_hash,
        )
    )  # fmt: skip


def _answer(row: Mapping[str, object] | None) -> tuple[int, bytes, bool]:
    assert row is not None  # a function with OUT parameters always answers one row
    return cast(int, row["status"]), cast(bytes, row["body"]), cast(bool, row["replayed"])
