"""Did every event arrive? The outbox says what was sent, ClickHouse what it holds.

Only events that are two minutes old count (what is younger may still be on its way), at most an hour of
them, and at most the latest 20 000: the outbox is read from its end by its primary key, so a look costs the
same however long the day was. `ccops data reconcile` compares the ids themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from ccops.backend.core.config import settings
from ccops.backend.db import Connection, db
from ccops.backend.olap.clickhouse_client import connect
from ccops.backend.olap.domains import DOMAINS
from ccops.backend.olap.tables import Table

_SAMPLE = 20_000
_WINDOW = timedelta(hours=1)
_ON_ITS_WAY = timedelta(minutes=2)
# Whole seconds: ClickHouse cuts a time to milliseconds, and a cut must not carry an event across an edge.
_SENT = """
WITH latest AS (SELECT id, topic, created_at FROM outbox ORDER BY id DESC LIMIT $1),
     edges AS (
         SELECT date_trunc('second', greatest(now() - $2::interval, CASE WHEN count(*) < $1
                    THEN now() - $2::interval ELSE min(created_at) + interval '1 second' END)) AS since,
                date_trunc('second', now() - $3::interval) AS until
           FROM latest
     )
SELECT since, until, topic, count(latest.id) AS sent
  FROM edges LEFT JOIN latest ON topic IS NOT NULL AND created_at >= since AND created_at < until
 GROUP BY since, until, topic
"""


@dataclass(frozen=True, slots=True)
class Count:
    """Events of one table: how many were sent, how many different ones ClickHouse holds."""

    sent: int
    held: int

    @property
    def missing_ratio(self) -> float:
        """Return the share of sent events that is missing, 0 when nothing was sent."""
        return max(0.0, 1 - self.held / self.sent) if self.sent else 0.0


@dataclass(frozen=True, slots=True)
class Sent:
    """What went to each topic between two moments."""

    since: datetime
    until: datetime
    by_topic: Mapping[str, int]


async def look() -> Mapping[str, Count]:
    """Return the count of every table. Raises ApiError, StoreDown or OSError when a store is away."""
    async with db.dedicated(application_name="worker-loss") as conn:
        sent = await _sent(conn)
    held = await asyncio.to_thread(_held, sent)
    return {
        table.name: Count(sent.by_topic.get(settings.topic(stem), 0), held[table.name])
        for stem, table in _tables().items()
    }


def _tables() -> Mapping[str, Table]:
    return {stem: table for domain in DOMAINS for stem, table in domain.tables.items()}


async def _sent(conn: Connection) -> Sent:
    rows = await conn.fetch(_SENT, _SAMPLE, _WINDOW, _ON_ITS_WAY)
    since, until = cast(datetime, rows[0]["since"]), cast(datetime, rows[0]["until"])
    counts = {str(row["topic"]): cast(int, row["sent"]) for row in rows if row["topic"] is not None}
    return Sent(since.astimezone(UTC), until.astimezone(UTC), counts)


def _held(sent: Sent) -> Mapping[str, int]:
    store = connect()
    try:
        return {table.name: store.count_events(table, sent.since, sent.until) for table in _tables().values()}
    finally:
        store.close()
