"""SQL of achievements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from ccops.backend.db import Connection, call_context

_ALL = """
SELECT a.code, a.title, a.metric, a.threshold, a.reward_gold, coalesce(ua.progress, 0) AS progress,
       ua.unlocked_at IS NOT NULL AS unlocked, ua.unlocked_at, ua.claimed_at
  FROM achievements a LEFT JOIN user_achievements ua ON ua.code = a.code AND ua.user_id = $1
 ORDER BY a.code
"""


async def list_achievements(conn: Connection, user_id: int) -> list[Mapping[str, object]]:
    """Return every achievement with the user's progress."""
    return await conn.fetch(_ALL, user_id)


async def claim(
    conn: Connection,
    user_id: int,
    code: str,
    *,
    exp: int,
    levels: list[int],
    key: str | None,
    request_hash: bytes,
) -> tuple[int, bytes, bool]:
    """Pay the reward of an unlocked achievement once; returns status, body and whether it is a replay."""
    row = await conn.fetchrow(
        "SELECT status, body, replayed FROM cc_achievement_claim($1, $2, $3, $4, $5, $6, $7)",
        call_context(), user_id, code, exp, levels, key, request_hash,
    )  # fmt: skip
    assert row is not None  # a function with OUT parameters always answers one row
    return cast(int, row["status"]), cast(bytes, row["body"]), cast(bool, row["replayed"])
