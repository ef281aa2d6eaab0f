"""PostgreSQL's own catalogue in the words of the contract's schema.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

# One line an object: table, kind, name, text, and why the server does not keep to it ('' = it does).
_QUERY = """
WITH mine AS (
  SELECT c.oid, c.relname FROM pg_class c
   WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
)
SELECT relname AS table, 'table' AS kind, relname AS name, '' AS text, '' AS flaw FROM mine
UNION ALL
SELECT m.relname, 'column', a.attname,
       format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END, ''
  FROM mine m JOIN pg_attribute a ON a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT m.relname, 'constraint', c.conname, pg_get_constraintdef(c.oid, true),
       CASE WHEN NOT c.convalidated THEN 'not validated'
            WHEN i.indexrelid IS NOT NULL AND NOT (i.indisvalid AND i.indisready) THEN 'its index is invalid'
            ELSE '' END
  FROM mine m JOIN pg_constraint c ON c.conrelid = m.oid AND c.contype IN ('p', 'u', 'f', 'c', 'x')
  LEFT JOIN pg_index i ON i.indexrelid = c.conindid AND c.contype IN ('p', 'u')
UNION ALL
SELECT m.relname, 'index', x.relname,
       CASE WHEN i.indisunique THEN 'unique index (' ELSE 'index (' END
       || (SELECT string_agg(pg_get_indexdef(i.indexrelid, k, true)
                             || CASE WHEN i.indoption[k - 1] & 1 = 1 THEN ' desc' ELSE '' END, ', '
                             ORDER BY k)
             FROM generate_series(1, i.indnkeyatts) AS k)
       || ')' || coalesce(' where (' || pg_get_expr(i.indpred, i.indrelid, true) || ')', ''),
       CASE WHEN i.indisvalid AND i.indisready THEN '' ELSE 'invalid' END
  FROM mine m JOIN pg_index i ON i.indrelid = m.oid JOIN pg_class x ON x.oid = i.indexrelid
 WHERE NOT EXISTS (
       SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x'))
UNION ALL
SELECT m.relname, 'trigger', t.tgname,
       CASE WHEN t.tgtype & 2 = 2 THEN 'before ' WHEN t.tgtype & 64 = 64 THEN 'instead of ' ELSE 'after ' END
       || array_to_string(array_remove(ARRAY[
            CASE WHEN t.tgtype & 4 = 4 THEN 'insert' END, CASE WHEN t.tgtype & 16 = 16 THEN 'update' END,
            CASE WHEN t.tgtype & 8 = 8 THEN 'delete' END, CASE WHEN t.tgtype & 32 = 32 THEN 'truncate' END
          ], NULL), ' or '),
       CASE WHEN t.tgenabled IN ('O', 'A') THEN '' ELSE 'disabled' END
  FROM mine m JOIN pg_trigger t ON t.tgrelid = m.oid AND NOT t.tgisinternal
"""


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of a database: the table it belongs to, its kind and name, and what it is, as text."""

    table: str
    kind: str
    name: str
    text: str = ""
    flaw: str = ""


async def live(connection: AsyncConnection[DictRow]) -> list[Thing]:
    """Return every table, column, constraint, index and trigger of the connection's schema."""
    rows = await (await connection.execute(_QUERY)).fetchall()
    return [
        Thing(str(row["table"]), str(row["kind"]), str(row["name"]), str(row["text"]), str(row["flaw"]))
        for row in rows
    ]
