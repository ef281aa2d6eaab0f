"""Figures of the whole service: totals from PostgreSQL, the last minutes from ClickHouse."""

from __future__ import annotations

from typing import cast

from ccops.backend.db import Connection
from ccops.backend.olap import query

_TOTALS = """
SELECT (SELECT count(*) FROM users) AS users,
       played.rounds::bigint AS rounds, played.wagered::bigint AS wagered, played.paid::bigint AS paid,
       bought.done AS purchases, bought.pending AS purchases_pending
  FROM (SELECT coalesce(sum(plays), 0) AS rounds, coalesce(sum(g.wagered), 0) AS wagered,
               coalesce(sum(g.paid), 0) AS paid FROM game_stats g) AS played,
       (SELECT count(*) FILTER (WHERE status = 'SUCCESS') AS done,
               count(*) FILTER (WHERE status = 'PENDING') AS pending FROM shop_transactions) AS bought
"""
# Copies of a replayed event count once, merged or not. `day` lets ClickHouse skip the other partitions.
_HOUR = "day >= toDate(now('UTC')) - 1 AND ts > now() - INTERVAL 1 HOUR"
_RECENT = f"""
SELECT (SELECT uniqExactIf(user_id, ts > now() - INTERVAL 5 MINUTE) FROM events WHERE {_HOUR})
           AS active_users_5m,
       (SELECT uniqExact(event_id) FROM events WHERE {_HOUR}) AS actions_1h,
       (SELECT uniqExact(event_id) FROM game_rounds WHERE {_HOUR}) AS rounds_1h,
       (SELECT uniqExactIf(transaction_id, status = 'SUCCESS') FROM purchases WHERE {_HOUR})
           AS purchases_1h
"""  # noqa: S608 - our own text


async def totals(conn: Connection) -> dict[str, int]:
    """Return the totals of all time."""
    row = await conn.fetchrow(_TOTALS)
    return cast(dict[str, int], dict(row or {}))


async def recent(*, within_s: float) -> dict[str, int]:
    """Return the figures of the last minutes. Raises StoreDown when ClickHouse does not answer in time."""
    return cast(dict[str, int], (await query.rows(_RECENT, within_s=within_s))[0])
