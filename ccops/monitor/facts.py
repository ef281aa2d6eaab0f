"""What the database says that counters can't: the contract's own invariants, in one snapshot."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from ccops.core.bundle import invalid, read_text

FILE = "invariants.sql"
NEGATIVE = "gold_never_negative"
# A contract without payments may lack these.
KEYS = ("key_has_its_answer", "success_has_one_ledger_row")
_NAME = re.compile(r"^--\s*name:\s*(?P<name>\S+)\s*$")
_TABLE = re.compile(r"\bFROM\s+(?P<table>[a-z_][a-z0-9_.]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Facts:
    """Wallets, those below zero, and rows that break a promise made to who repeats a key."""

    wallets: int
    negative: int
    broken_keys: int = 0


def queries(folder: Path) -> dict[str, str]:
    """Return the invariants of the contract that are asked here. Raises UsageError without the first."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in read_text(folder, FILE).splitlines():
        if head := _NAME.match(line):
            name = head["name"]
        elif name in {NEGATIVE, *KEYS} and line.strip() and not line.lstrip().startswith("--"):
            found.setdefault(name, []).append(line)
    made = {name: "\n".join(lines).rstrip("; \n") for name, lines in found.items()}
    if NEGATIVE not in made or _TABLE.search(made[NEGATIVE]) is None:
        raise invalid(folder, FILE, f"it has no query named {NEGATIVE}")
    return made


def table_of(sql: str) -> str:
    """Return the first table that a query reads."""
    found = _TABLE.search(sql)
    return found["table"] if found else ""


def read(url: str, folder: Path, timeout_s: float = 20.0) -> Facts:
    """Ask the database at `url`. Raises Unreachable, and UsageError for a contract without the invariant."""
    return asyncio.run(_read(url, queries(folder), timeout_s))


async def _read(url: str, sql: dict[str, str], timeout_s: float) -> Facts:
    from psycopg import sql as compose

    from ccops.clients.postgres import open_postgres

    # The contract's own text, which the operator chose; the connection is read-only.
    wallets = compose.Identifier(*table_of(sql[NEGATIVE]).split("."))
    parts = [compose.SQL("SELECT count(*) AS n FROM {}").format(wallets)]
    parts += [
        compose.SQL("SELECT count(*) AS n FROM (\n{}\n) AS offenders").format(compose.SQL(sql[name]))
        for name in (NEGATIVE, *KEYS)
        if name in sql
    ]
    numbers: list[int] = []
    async with open_postgres(url, statement_timeout=timeout_s) as connection:
        async with connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            for part in parts:
                row = await (await connection.execute(part)).fetchone()
                numbers.append(int(row["n"]) if row else 0)
    return Facts(numbers[0], numbers[1], sum(numbers[2:]))
