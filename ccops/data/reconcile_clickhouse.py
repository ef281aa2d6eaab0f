"""ClickHouse's side: the rows of a topic's table, merged with FINAL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from ccops.data.reconcile_ids import Entry, Ids, Kinds
from ccops.data.reconcile_model import Window
from ccops.data.reconcile_postgres import chunks

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_ROWS = """
SELECT toString(event_id), toUnixTimestamp64Milli(ts), {by} FROM {table} FINAL
 WHERE ts >= fromUnixTimestamp64Milli({{since:Int64}}) AND ts < fromUnixTimestamp64Milli({{until:Int64}})
   AND topic = {{topic:String}}
"""
_KNOWN = "SELECT DISTINCT toString(event_id) FROM {table} WHERE event_id IN {{ids:Array(UUID)}}"


def columns(client: Client, table: str) -> set[str]:
    """Return the columns of `table`; nothing when there is no such table."""
    query = "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String}"
    return {str(row[0]) for row in client.query(query, parameters={"table": table}).result_rows}


def read_clickhouse(
    client: Client, topic: str, table: str, window: Window, ids: Ids, kinds: Kinds, by: str
) -> None:
    """Keep every row of the window. The caller knows that the table exists."""
    query = _ROWS.format(by=f"toString(`{by}`)" if by else "''", table=f"`{table}`")
    params = {"since": window.since_ms, "until": window.until_ms, "topic": topic}
    with client.query_row_block_stream(query, parameters=params) as stream:
        for block in stream:
            for ident, ms, kind in block:
                ids.add(Entry(UUID(ident).bytes, ms, kinds.number(kind)))


def known(client: Client, table: str, idents: Iterable[bytes]) -> set[bytes]:
    """Return which of `idents` the table has now, whenever they happened."""
    found: set[bytes] = set()
    for chunk in chunks(list(idents)):
        params = {"ids": [str(UUID(bytes=one)) for one in chunk]}
        rows = client.query(_KNOWN.format(table=f"`{table}`"), parameters=params).result_rows
        found |= {UUID(row[0]).bytes for row in rows}
    return found
