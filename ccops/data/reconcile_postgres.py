"""PostgreSQL's side: the outbox, and the tables whose rows carry their event's id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, cast

from ccops.data.reconcile_ids import Entry, Ids, Kinds, State
from ccops.data.reconcile_model import Route, Window

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

_PAGE = 5_000
_CHUNK = 1_000
_MS = "floor(extract(epoch FROM {0}.created_at) * 1000)::bigint"
_OUTBOX = f"""
SELECT uuid_send(o.event_id), {_MS.format("o")},
       CASE WHEN o.kafka_acked_at IS NULL THEN {State.PENDING:d}
            WHEN o.kafka_offset >= 0
             AND o.kafka_offset < coalesce((%(lows)s::bigint[])[o.kafka_partition + 1], 0)
            THEN {State.EXPIRED:d}
            ELSE {State.ACKED:d} END,
       CASE %(by)s WHEN '' THEN NULL WHEN 'type' THEN o.type ELSE o.payload->>%(by)s END
  FROM outbox o WHERE o.topic = %(topic)s AND o.created_at >= %(since)s AND o.created_at < %(until)s
"""  # noqa: S608 - our own numbers
# Only rows that the outbox does not hold any longer (or never did): it is the truth while it lives.
_SOURCE = """
SELECT uuid_send(s.event_id), {ms}, {state}, {by}
  FROM {table} s
 WHERE s.created_at >= %(since)s AND s.created_at < %(until)s
   AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.event_id = s.event_id)
"""


async def read_postgres(
    connection: AsyncConnection[DictRow],
    path: Route,
    window: Window,
    ids: Ids,
    kinds: Kinds,
    *,
    by: str,
    lows: Mapping[int, int],
) -> None:
    """Keep every event of the window; `lows` are the first offsets that Kafka still has, by partition."""
    from psycopg import sql

    params = {
        "topic": path.topic,
        "since": window.since,
        "until": window.until,
        "by": by,
        "lows": [lows.get(part, 0) for part in range(max(lows, default=-1) + 1)],
    }
    queries: list[sql.Composed | sql.SQL] = [sql.SQL(cast("Literal['']", _OUTBOX))]
    if path.source:
        columns = await _columns(connection, path.source)
        queries.append(
            sql.SQL(cast("Literal['']", _SOURCE)).format(
                ms=sql.SQL(cast("Literal['']", _MS.format("s"))),
                state=sql.Literal(int(State.NO_OUTBOX)),
                by=sql.SQL("s.{}::text").format(sql.Identifier(by))
                if by in columns
                else sql.SQL("NULL::text"),
                table=sql.Identifier(path.source),
            )
        )
    for query in queries:
        await _keep(connection, query, params, ids, kinds)


async def _keep(
    connection: AsyncConnection[DictRow], query: object, params: Mapping[str, object], ids: Ids, kinds: Kinds
) -> None:
    from psycopg.rows import tuple_row
    from psycopg.sql import SQL

    # A cursor on the server: a day may hold more rows than this machine has memory for.
    async with connection.cursor("reconcile", row_factory=tuple_row) as cursor:
        await cursor.execute(cast(SQL, query), params)
        while rows := await cursor.fetchmany(_PAGE):
            for ident, ms, state, kind in rows:
                ids.add(Entry(bytes(ident), ms, kinds.number(kind), state))


async def _columns(connection: AsyncConnection[DictRow], table: str) -> set[str]:
    cursor = await connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0", [table]
    )
    return {str(row["attname"]) for row in await cursor.fetchall()}


async def known(connection: AsyncConnection[DictRow], path: Route, idents: Iterable[bytes]) -> set[bytes]:
    """Return which of `idents` PostgreSQL has now, whenever they happened."""
    from psycopg import sql

    tables = ["outbox", *([path.source] if path.source else [])]
    found: set[bytes] = set()
    for chunk in chunks(list(idents)):
        for table in tables:
            query = sql.SQL(
                "SELECT uuid_send(event_id) AS id FROM {} WHERE event_id = ANY(%s::uuid[])"
            ).format(sql.Identifier(table))
            cursor = await connection.execute(query, [[one.hex() for one in chunk]])
            found |= {bytes(row["id"]) for row in await cursor.fetchall()}
    return found


async def acked(connection: AsyncConnection[DictRow], idents: Iterable[bytes]) -> set[bytes]:
    """Return which of `idents` the broker has acknowledged by now."""
    query = """SELECT uuid_send(event_id) AS id FROM outbox
                WHERE event_id = ANY(%s::uuid[]) AND kafka_acked_at IS NOT NULL"""
    found: set[bytes] = set()
    for chunk in chunks(list(idents)):
        cursor = await connection.execute(query, [[one.hex() for one in chunk]])
        found |= {bytes(row["id"]) for row in await cursor.fetchall()}
    return found


def chunks(items: Sequence[bytes]) -> Iterable[Sequence[bytes]]:
    """Yield `items` in pieces that one query can take."""
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
