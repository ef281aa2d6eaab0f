"""SQL of the outbox. Marks are set on the connection that holds the relay's lock: a lost lock can't mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from ccops.backend.db import Connection

_COLUMNS = "id, event_id::text, trace_id, request_id, user_id, type, topic, payload::text AS data, created_at"
_KAFKA_PENDING = f"""
SELECT {_COLUMNS} FROM outbox WHERE topic IS NOT NULL AND kafka_acked_at IS NULL ORDER BY id LIMIT $1
"""  # noqa: S608 - our own column list
_REALTIME_PENDING = f"""
SELECT {_COLUMNS} FROM outbox WHERE realtime AND pushed_at IS NULL AND user_id <> ALL($2::bigint[])
 ORDER BY id LIMIT $1
"""  # noqa: S608 - our own column list
_WAITING_FOR = """
SELECT DISTINCT user_id FROM outbox
 WHERE realtime AND pushed_at IS NULL AND user_id = ANY($1::bigint[]) AND type = ANY($2::text[])
"""
# Both sinks mark the same rows at the same time: whoever changes many takes them in order of id first, or
# the two deadlock and one sink stops the other for a second.
_IN_ORDER = "(SELECT id FROM outbox WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE)"
_MARK_ACKED = f"""
WITH held AS MATERIALIZED {_IN_ORDER}
UPDATE outbox o SET kafka_partition = m.part, kafka_offset = m.off, kafka_acked_at = clock_timestamp()
  FROM unnest($1::bigint[], $2::integer[], $3::bigint[]) AS m(id, part, off)
 WHERE o.id = m.id AND (SELECT count(*) FROM held) > 0
"""  # noqa: S608 - our own text
_MARK_PUSHED = f"""
WITH held AS MATERIALIZED {_IN_ORDER}
UPDATE outbox o SET pushed_at = clock_timestamp()
 WHERE o.id = ANY($1::bigint[]) AND (SELECT count(*) FROM held) > 0
"""  # noqa: S608 - our own text
# The highest offset of each partition, from one to the next below it in the index: a day of events is
# millions of rows, and this is asked twice a minute.
_TOP = """SELECT topic, kafka_partition, kafka_offset FROM outbox
 WHERE kafka_offset IS NOT NULL AND created_at > now() - interval '24 hours'"""
_DOWN = "ORDER BY topic DESC, kafka_partition DESC, kafka_offset DESC LIMIT 1"
_LAST_ACKED = f"""
WITH RECURSIVE highest AS (
    ({_TOP} {_DOWN})
    UNION ALL
    SELECT below.* FROM highest CROSS JOIN LATERAL (
        {_TOP} AND (topic, kafka_partition) < (highest.topic, highest.kafka_partition) {_DOWN}) AS below
)
SELECT topic, kafka_partition AS part, kafka_offset AS last FROM highest
"""  # noqa: S608 - our own text
_UNMARK_FROM = """
WITH held AS MATERIALIZED (
    SELECT id FROM outbox
     WHERE topic = $1 AND kafka_partition = $2 AND kafka_offset >= $3
       AND created_at > now() - interval '24 hours'
     ORDER BY id FOR NO KEY UPDATE
), lost AS (
    UPDATE outbox SET kafka_partition = NULL, kafka_offset = NULL, kafka_acked_at = NULL
     WHERE id = ANY(ARRAY(SELECT id FROM held))
    RETURNING 1
)
SELECT count(*) FROM lost
"""
# Two questions, because each has an index that holds nothing else. Asked as one with OR, the planner read the
# whole table whenever it had last looked at it in the middle of a backlog.
_PENDING = """
SELECT (SELECT count(*) FROM outbox WHERE topic IS NOT NULL AND kafka_acked_at IS NULL) AS kafka,
       (SELECT count(*) FROM outbox WHERE realtime AND pushed_at IS NULL) AS realtime
"""
# Only the oldest rows are looked at: what is left of a day is never scanned.
_DELETE_OLD = """
WITH oldest AS (SELECT * FROM outbox ORDER BY id LIMIT $1), gone AS (
    DELETE FROM outbox o USING oldest
     WHERE o.id = oldest.id
       AND o.created_at < now() - interval '24 hours'
       AND (o.topic IS NULL OR o.kafka_acked_at < now() - interval '24 hours')
       AND (NOT o.realtime OR o.pushed_at IS NOT NULL)
    RETURNING 1
)
SELECT count(*) FROM gone
"""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One event on its way out. `data` is the payload as JSON text: nothing here needs to read it."""

    id: int
    event_id: str
    trace_id: str
    request_id: str
    user_id: int
    type: str
    topic: str | None
    data: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where the broker put a record."""

    topic: str
    partition: int
    offset: int


async def kafka_pending(conn: Connection, *, limit: int = 500) -> list[OutboxRow]:
    """Return the oldest rows that the broker has not acknowledged."""
    return [_row(row) for row in await conn.fetch(_KAFKA_PENDING, limit)]


async def realtime_pending(
    conn: Connection, *, limit: int = 200, without: Sequence[int] = ()
) -> list[OutboxRow]:
    """Return the oldest rows that have not been pushed to sockets, but none of the users `without`."""
    return [_row(row) for row in await conn.fetch(_REALTIME_PENDING, limit, list(without))]


async def waiting_for(conn: Connection, *, users: Sequence[int], types: Sequence[str]) -> list[int]:
    """Return those of `users` who have a row of one of `types` that has not been pushed."""
    rows = await conn.fetch(_WAITING_FOR, list(users), list(types))
    return [cast(int, row["user_id"]) for row in rows]


async def mark_acked(conn: Connection, acked: Sequence[tuple[int, Place]]) -> None:
    """Record where each row's record lies."""
    ids = [row_id for row_id, _ in acked]
    parts, offsets = [place.partition for _, place in acked], [place.offset for _, place in acked]
    await conn.execute(_MARK_ACKED, ids, parts, offsets)


async def mark_pushed(conn: Connection, ids: Sequence[int]) -> None:
    """Record that the rows' frames are in Redis."""
    await conn.execute(_MARK_PUSHED, list(ids))


async def last_acked(conn: Connection) -> dict[tuple[str, int], int]:
    """Return the highest recorded offset of every (topic, partition) of the last 24 hours."""
    rows = await conn.fetch(_LAST_ACKED)
    return {(str(row["topic"]), cast(int, row["part"])): cast(int, row["last"]) for row in rows}


async def unmark_from(conn: Connection, first: Place) -> int:
    """Forget the acknowledgement of every row at or above `first` in its partition; return how many."""
    return cast(int, await conn.fetchval(_UNMARK_FROM, first.topic, first.partition, first.offset))


async def still_there(conn: Connection) -> None:
    """Return if the connection, and so its lock, still lives; raise if not."""
    await conn.fetchval("SELECT 1")


async def pending_counts(conn: Connection) -> Mapping[str, int]:
    """Return how many rows each sink has not taken."""
    row = await conn.fetchrow(_PENDING)
    return {sink: cast(int, row[sink]) for sink in ("kafka", "realtime")} if row else {}


async def delete_old(conn: Connection, *, limit: int = 1000) -> int:
    """Delete rows that both sinks took and that are older than a day; return how many."""
    return cast(int, await conn.fetchval(_DELETE_OLD, limit))


def _row(row: Mapping[str, object]) -> OutboxRow:
    return OutboxRow(**cast(dict[str, object], dict(row)))  # type: ignore[arg-type]
