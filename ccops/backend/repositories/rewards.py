"""SQL of rewards."""

from __future__ import annotations

from collections.abc import Mapping

from ccops.backend.db import Connection


async def list_grants(
    conn: Connection, user_id: int, *, before: int, limit: int
) -> list[Mapping[str, object]]:
    """Return a user's grants with a ledger seq below `before`, newest first."""
    return await conn.fetch(
        """SELECT CASE reason WHEN 'win' THEN 'slot' ELSE reason END AS source, delta AS amount,
                  balance_after, seq AS ledger_seq, ref_type, ref_id, event_id, trace_id, created_at
             FROM gold_ledger
            WHERE user_id = $1 AND seq < $2 AND reason IN ('streak', 'win', 'gold_pack', 'event')
            ORDER BY seq DESC LIMIT $3""",
        user_id,
        before,
        limit,
    )
