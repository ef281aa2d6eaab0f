"""Balances below zero, asked of PostgreSQL by the contract's own invariant."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from ccops.core.bundle import invalid, read_text

FILE = "invariants.sql"
INVARIANT = "gold_never_negative"
_BLOCK = re.compile(rf"^-- name: {INVARIANT}$(?P<body>.*?)(?=^-- name: |\Z)", re.MULTILINE | re.DOTALL)
_TABLE = re.compile(r"\bFROM\s+(?P<table>[a-z_][a-z0-9_.]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wallets:
    """How many wallets there are and how many of them are below zero."""

    total: int
    negative: int


def invariant_of(folder: Path) -> tuple[str, str]:
    """Return the query that finds negative balances, and the table it reads. Raises UsageError."""
    found = _BLOCK.search(read_text(folder, FILE))
    lines = found["body"].splitlines() if found else []
    sql = "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("--")).rstrip(
        "; \n"
    )
    table = _TABLE.search(sql)
    if not sql or table is None:
        raise invalid(folder, FILE, f"it has no query named {INVARIANT}")
    return sql, table["table"]


def count(url: str, folder: Path, timeout_s: float = 10.0) -> Wallets:
    """Ask the database at `url`, in one snapshot. Raises Unreachable and UsageError."""
    sql, table = invariant_of(folder)
    return asyncio.run(_count(url, sql, table, timeout_s))


async def _count(url: str, sql: str, table: str, timeout_s: float) -> Wallets:
    from psycopg import sql as compose

    from ccops.clients.postgres import open_postgres

    # The invariant is the contract's own text, which the operator chose; the connection is read-only.
    query = compose.SQL(
        "SELECT (SELECT count(*) FROM {}) AS total, (SELECT count(*) FROM ({}) AS o) AS negative"
    )
    named = compose.Identifier(*table.split("."))
    composed = query.format(named, compose.SQL(sql))
    async with open_postgres(url, statement_timeout=timeout_s) as connection:
        cursor = await connection.execute(composed)
        row = await cursor.fetchone()
    return Wallets(int(row["total"]), int(row["negative"])) if row else Wallets(0, 0)
