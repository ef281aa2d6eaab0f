"""SQL of achievements."""

from __future__ import annotations

from collections.abc import Mapping

from ccops.backend.db import Connection

_ALL = """
SELECT a.code, a.title, a.metric, a.threshold, a.reward_gold, coalesce(ua.progress, 0) AS progress,
       ua.unlocked_at IS NOT NULL AS unlocked, ua.unlocked_at, ua.claimed_at
  FROM achievements a LEFT JOIN user_achievements ua ON ua.code = a.code AND ua.user_id = $1
 ORDER BY a.code
"""


async def list_achievements(conn: Connection, user_id: int) -> list[Mapping[str, object]]:
    """Return every achievement with the user's progress."""
    return await conn.fetch(_ALL, user_id)
