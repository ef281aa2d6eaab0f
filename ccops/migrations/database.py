"""Where a database stands in the graph: what its alembic_version says, read only."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from ccops.core.errors import UsageError
from ccops.core.reports.marks import Mark, Severity
from ccops.migrations.graph import Graph

_TABLE = re.compile(r"(?:(\w+)\.)?(\w+)")


@dataclass(frozen=True, slots=True)
class Stand:
    """The rows of alembic_version; `table` is False when there is no such table."""

    rows: tuple[str, ...]
    table: bool = True


def read_stand(url: str, table: str = "alembic_version", *, timeout_s: float = 5.0) -> Stand:
    """Read the version table of the database at `url`. Raises Unreachable when it does not answer."""
    return asyncio.run(_read(url, table, timeout_s))


async def _read(url: str, table: str, timeout_s: float) -> Stand:
    from psycopg import sql

    from ccops.clients.postgres import open_postgres

    match = _TABLE.fullmatch(table)
    if match is None:
        raise UsageError(
            "ALEMBIC_VERSION_TABLE",
            f"{table!r} is no table's name",
            evidence="it is [SCHEMA.]TABLE",
            next_step="--version-table alembic_version",
        )
    name = sql.Identifier(*(part for part in match.groups() if part))
    async with open_postgres(url, timeout=timeout_s) as connection:
        found = await (await connection.execute("SELECT to_regclass(%s) AS it", [table])).fetchone()
        if found is None or found["it"] is None:
            return Stand((), table=False)
        rows = await connection.execute(sql.SQL("SELECT version_num FROM {} ORDER BY 1").format(name))
        return Stand(tuple(str(row["version_num"]) for row in await rows.fetchall()))


def stand_marks(stand: Stand, graph: Graph) -> list[Mark]:
    """Return what is wrong with where the database stands; [] when it has run everything."""
    if not stand.rows:
        why = "the table is empty" if stand.table else "there is no such table"
        return [_mark("ALEMBIC_DB_EMPTY", "the database was never migrated", why, "alembic upgrade head")]
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
