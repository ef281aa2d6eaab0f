"""A day of events is millions of rows: what the worker asks again and again must not read them all."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
import pytest

from ccops.backend.db import Connection
from ccops.backend.repositories import outbox
from tests.integration.pipeline.kit import Stores

T = TypeVar("T")
# A table of this session only, with the indexes of the real one: nobody else sees its rows.
COPY = "CREATE TEMP TABLE outbox (LIKE public.outbox INCLUDING ALL)"
ROWS = 20_000
# Six partitions of two topics; every tenth event is only for sockets. The last 500 have not been sent.
FILL = f"""
INSERT INTO outbox (event_id, trace_id, request_id, user_id, type, topic, realtime, payload, created_at)
SELECT gen_random_uuid(), n::text, n::text, n, 'x', CASE WHEN n % 10 > 0 THEN 'topic-' || n % 2 END, true,
       '{{"pad":"some words of an ordinary length, as an event has them"}}',
       now() - (random() * 2) * interval '24 hours'
  FROM generate_series(1, {ROWS}) AS n
"""
SEND = f"""
UPDATE outbox SET pushed_at = now(), kafka_acked_at = CASE WHEN topic IS NOT NULL THEN now() END,
       kafka_partition = CASE WHEN topic IS NOT NULL THEN id % 6 END,
       kafka_offset = CASE WHEN topic IS NOT NULL THEN (random() * 1000000)::bigint END
 WHERE id <= {ROWS - 500}
"""


def on_a_copy(stores: Stores, ask: Callable[[Connection], Awaitable[T]], *statements: str) -> T:
    async def run() -> T:
        conn = await asyncpg.connect(stores.url("DATABASE_URL"))
        try:
            for statement in (COPY, *statements):
                await conn.execute(statement)
            return await ask(conn)
        finally:
            await conn.close()

    return asyncio.run(run())


async def pages_of(conn: Connection) -> int:
    """Return how many pages the table has."""
    size = await conn.fetchval("SELECT pg_relation_size('pg_temp.outbox') / 8192")
    assert isinstance(size, int)
    return size


async def pages_read(conn: Connection, query: str) -> int:
    """Return how many pages PostgreSQL looks at to answer."""
    plan = json.loads(str(await conn.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}")))[0]["Plan"]
    return int(plan["Local Hit Blocks"]) + int(plan["Local Read Blocks"])


QUESTIONS = {
    "gauges": outbox._PENDING,
    "last acked": outbox._LAST_ACKED,
    "for kafka": outbox._KAFKA_PENDING.replace("$1", "100"),
    "for sockets": outbox._REALTIME_PENDING.replace("$1", "100").replace("$2", "'{1,2}'"),
    "forget": outbox._UNMARK_FROM.replace("$1", "'topic-1'").replace("$2", "1").replace("$3", "999000"),
}


@pytest.mark.parametrize("query", QUESTIONS.values(), ids=QUESTIONS)
def test_what_is_asked_all_the_time_reads_a_fraction_even_when_statistics_are_of_the_backlog(
    stores: Stores, query: str
) -> None:
    async def ask(conn: Connection) -> tuple[int, int]:
        return await pages_read(conn, query), await pages_of(conn)

    # The planner's picture is of a third that waited; then all of it was sent.
    early = SEND.replace(f"id <= {ROWS - 500}", f"id <= {ROWS * 2 // 3}")
    late = SEND.replace("WHERE id", f"WHERE id > {ROWS * 2 // 3} AND id")
    read, pages = on_a_copy(stores, ask, FILL, early, "ANALYZE outbox", late, "VACUUM outbox")
    assert pages > 500
    assert read < pages / 10


def test_the_highest_offset_of_each_partition_is_that_of_its_young_rows(stores: Stores) -> None:
    async def ask(conn: Connection) -> tuple[dict[tuple[str, int], int], list]:
        rows = await conn.fetch("SELECT *, created_at > now() - interval '24 hours' AS young FROM outbox")
        return await outbox.last_acked(conn), rows

    # One partition has nothing of the last day.
    old = "UPDATE outbox SET created_at = now() - interval '30 hours'"
    old += " WHERE topic = 'topic-1' AND kafka_partition = 3"
    found, rows = on_a_copy(stores, ask, FILL, SEND, old)
    wanted: dict[tuple[str, int], int] = defaultdict(int)
    for row in rows:
        if row["young"] and row["kafka_offset"] is not None:
            key = row["topic"], row["kafka_partition"]
            wanted[key] = max(wanted[key], row["kafka_offset"])
    assert ("topic-1", 3) not in found
    assert len(found) == 5  # an event's number is odd or even with its partition's
    assert found == wanted


def test_an_empty_outbox_has_no_offsets_and_nothing_pending(stores: Stores) -> None:
    async def ask(conn: Connection) -> tuple[object, object]:
        return await outbox.last_acked(conn), await outbox.pending_counts(conn)

    assert on_a_copy(stores, ask) == ({}, {"kafka": 0, "realtime": 0})


def test_each_sink_is_counted_for_itself(stores: Stores) -> None:
    async def ask(conn: Connection) -> object:
        return await outbox.pending_counts(conn)

    # 500 wait for both sinks, 50 of them not for Kafka; 100 more were pushed and not acknowledged.
    half = "UPDATE outbox SET kafka_acked_at = NULL WHERE topic IS NOT NULL AND id IN (SELECT id FROM outbox"
    half += f" WHERE topic IS NOT NULL AND id <= {ROWS - 500} ORDER BY id LIMIT 100)"
    assert on_a_copy(stores, ask, FILL, SEND, half) == {"kafka": 550, "realtime": 500}
