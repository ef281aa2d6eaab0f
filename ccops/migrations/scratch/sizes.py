"""How large tables are where the migration will run, and how fast this machine rewrites and reads one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path

from ccops.core.errors import UsageError
from ccops.migrations.scratch.locks import Rates, Size

SCHEMA = "ccops.alembic.sizes/v1"
_ROWS = 200_000
_QUERY = """
SELECT n.nspname||'.'||c.relname AS name, greatest(c.reltuples, 0)::bigint AS rows,
       pg_table_size(c.oid) AS bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r','p','m') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1
"""


def read_sizes(path: Path) -> dict[str, Size]:
    """Read `{"tables": {"public.users": {"rows": n, "bytes": n}}}`. Raises UsageError for anything else."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain["schema"] != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
        sizes = {
            str(name): Size(int(one["rows"]), int(one["bytes"])) for name, one in plain["tables"].items()
        }
        if any(size.rows < 0 or size.bytes < 0 for size in sizes.values()):
            raise ValueError("a size is negative")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            "ALEMBIC_SIZES",
            f"{path} holds no sizes of tables",
            evidence=str(error),
            next_step="ccops alembic sizes --env ENV --out sizes.json",
        ) from None
    return sizes


def measure_sizes(url: str) -> dict[str, Size]:
    """Ask a database for the sizes of its tables, read only; rows are the planner's estimate."""
    return asyncio.run(_ask(url))


async def _ask(url: str) -> dict[str, Size]:
    from ccops.clients.postgres import open_postgres

    async with open_postgres(url) as connection:
        rows = await (await connection.execute(_QUERY)).fetchall()
    return {str(row["name"]): Size(int(row["rows"]), int(row["bytes"])) for row in rows}


def sizes_text(sizes: Mapping[str, Size]) -> str:
    """Return the file that `read_sizes` reads."""
    tables = {name: {"rows": size.rows, "bytes": size.bytes} for name, size in sizes.items()}
    return json.dumps({"schema": SCHEMA, "tables": tables}, indent=1) + "\n"


def calibrate(url: str) -> Rates:
    """Measure, on a scratch database, how many bytes a second are rewritten and read."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE ccops_rate (a int, b text)")
        connection.execute(
            "INSERT INTO ccops_rate SELECT n, repeat('x', 100) FROM generate_series(1, %s) n", [_ROWS]
        )
        row = connection.execute("SELECT pg_table_size('ccops_rate')").fetchone()
        size = int(row[0]) if row else 1
        rewrite = _timed(connection, "ALTER TABLE ccops_rate ALTER a TYPE bigint")
        scan = _timed(connection, "ALTER TABLE ccops_rate ALTER b SET NOT NULL")
        connection.execute("DROP TABLE ccops_rate")
    return Rates(size / rewrite, size / scan)


def _timed(connection: object, statement: str) -> float:
    started = time.perf_counter()
    connection.execute(statement)  # type: ignore[attr-defined]
    return max(time.perf_counter() - started, 1e-6)
