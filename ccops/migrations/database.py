"""Where a database stands in the graph: what its alembic_version says, read only."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from ccops.core.errors import UsageError
from ccops.core.reports.marks import Mark, Severity
from ccops.migrations.graph import Graph

_ELSEWHERE = """
SELECT n.nspname||'.'||c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND lower(c.relname) = lower(%s) ORDER BY 1
"""
_TABLE = re.compile(r"(?:(\w+)\.)?(\w+)")


@dataclass(frozen=True, slots=True)
class Stand:
    """The rows of alembic_version; `table` is False when there is no such table.

    elsewhere  tables of other schemas that are called the same
    """

    rows: tuple[str, ...]
    table: bool = True
    elsewhere: tuple[str, ...] = ()


def read_stand(url: str, table: str = "alembic_version", *, timeout_s: float = 5.0) -> Stand:
    """Read the version table of the database at `url`. Raises Unreachable when it does not answer."""
    return asyncio.run(_read(url, table, timeout_s))


async def _read(url: str, table: str, timeout_s: float) -> Stand:
    import psycopg
    from psycopg import sql

    from ccops.clients.postgres import open_postgres

    match = _TABLE.fullmatch(table)
    if match is None:
        raise _no_table(f"{table!r} is no table's name", "it is [SCHEMA.]TABLE")
    name = sql.Identifier(*(part for part in match.groups() if part))
    async with open_postgres(url, timeout=timeout_s) as connection:
        try:
            # Quoted as in the query below: both mean the same table, whatever letters are large.
            found = await connection.execute("SELECT to_regclass(%s) AS it", [name.as_string()])
            if (await found.fetchone() or {}).get("it") is None:
                rows = await connection.execute(_ELSEWHERE, [match[2]])
                return Stand((), False, tuple(str(row["name"]) for row in await rows.fetchall()))
            query = sql.SQL("SELECT version_num FROM {} WHERE version_num IS NOT NULL ORDER BY 1")
            rows = await connection.execute(query.format(name))
            return Stand(tuple(str(row["version_num"]) for row in await rows.fetchall()))
        except psycopg.ProgrammingError as error:  # no rights, no such column
            raise _no_table(f"{table} can't be read", str(error.diag.message_primary or error)) from None


def _no_table(why: str, evidence: str) -> UsageError:
    step = "--version-table alembic_version"
    return UsageError("ALEMBIC_VERSION_TABLE", why, evidence=evidence, next_step=step)


def stand_marks(stand: Stand, graph: Graph) -> list[Mark]:
    """Return what is wrong with where the database stands; [] when it has run everything."""
    if not stand.rows:
        why = "the table is empty" if stand.table else "there is no such table"
        step = "alembic upgrade head"
        if stand.elsewhere:
            why += f"; there is {', '.join(stand.elsewhere)}"
            step = f"ccops alembic check --db --version-table {stand.elsewhere[0]}"
        return [_mark("ALEMBIC_DB_EMPTY", "the database was never migrated", why, step)]
    marks: list[Mark] = []
    unknown = [row for row in stand.rows if row not in graph.nodes]
    if unknown:
        marks.append(
            _mark(
                "ALEMBIC_DB_UNKNOWN", f"the database is at {', '.join(unknown)}, which is in no file",
                "it was migrated from another branch, or the file was deleted",
                "check out what was deployed there; never stamp over it",
            )
        )  # fmt: skip
    if len(stand.rows) > 1:
        marks.append(
            _mark(
                "ALEMBIC_DB_ROWS", f"alembic_version holds {len(stand.rows)} rows", ", ".join(stand.rows),
                "merge the heads, then alembic upgrade head",
            )
        )  # fmt: skip
    pending = pending_of(stand, graph)
    if pending and not unknown:
        listed = "\n".join(pending[:20]) + (f"\nand {len(pending) - 20} more" if len(pending) > 20 else "")
        marks.append(
            _mark(
                "ALEMBIC_DB_BEHIND", f"the database has {len(pending)} migrations to run", listed,
                "alembic upgrade head", Severity.ERROR,
            )
        )  # fmt: skip
    return marks


def pending_of(stand: Stand, graph: Graph) -> list[str]:
    """Return the revisions that the database has not run, oldest first."""
    return graph.ordered(set(graph.nodes) - graph.below(*stand.rows))


def applied_of(stand: Stand, graph: Graph) -> frozenset[str]:
    """Return the revisions that the database has run."""
    return frozenset(graph.below(*stand.rows))


def _mark(code: str, message: str, detail: str, step: str, severity: Severity = Severity.ERROR) -> Mark:
    return Mark(code, message, severity, subject="database", detail=detail, next_step=step)
