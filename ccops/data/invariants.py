"""The invariants of the contract: each query returns the rows that break its rule."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.core.bundle import invalid, read_text
from ccops.data.model import Check, Verdict, sample

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

FILE = "invariants.sql"
# 5 is MAX_SAMPLES; the count is of all rows.
_COUNTED = "SELECT count(*) OVER () AS total, to_jsonb(offender) AS one FROM (\n...\n) AS offender LIMIT 5"
_NAME = re.compile(r"^--\s*name:\s*(\S+)\s*$")


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule by name, the sentence it states, and the query that finds offenders."""

    name: str
    rule: str
    sql: str


def read_invariants(folder: Path) -> list[Invariant]:
    """Return the invariants of a bundle: `-- name: X` starts each, the comments below it are its sentence.

    Raises UsageError for a file without any, for a name used twice, and for a name without a query.
    """
    blocks: list[tuple[str, list[str], list[str]]] = []
    for line in read_text(folder, FILE).splitlines():
        if found := _NAME.match(line):
            blocks.append((found[1], [], []))
        elif blocks:
            _, rule, sql = blocks[-1]
            if line.startswith("--") and not sql:
                rule.append(line.lstrip("- ").strip())
            elif line.strip():
                sql.append(line)
    made = [Invariant(name, " ".join(rule), "\n".join(sql).rstrip("; \n")) for name, rule, sql in blocks]
    names = [one.name for one in made]
    if not made:
        raise invalid(folder, FILE, "no line says '-- name: NAME'")
    for one in made:
        if not one.sql or names.count(one.name) > 1:
            raise invalid(folder, FILE, f"invariant {one.name} has no query or is there twice")
    return made


async def hold(connection: AsyncConnection[DictRow], invariants: Sequence[Invariant]) -> list[Check]:
    """Run every query in the caller's transaction; one that fails does not keep the others from it."""
    return [await _hold(connection, one) for one in invariants]


async def _hold(connection: AsyncConnection[DictRow], one: Invariant) -> Check:
    import psycopg

    begun = time.monotonic()
    query = _COUNTED.replace("...", one.sql)
    try:
        # A savepoint each, taken back: what a query sets (a search path, no timeout) must not reach the next.
        # Prepared, so that the server itself refuses a second statement inside.
        async with connection.transaction(force_rollback=True):
            rows = await (await connection.execute(query.encode(), prepare=True)).fetchall()
    except psycopg.Error as error:
        if connection.closed:  # the server is gone: that is no property of this query
            raise
        said = str(error).splitlines()[0] if str(error) else ""
        reason = f"{type(error).__name__}: {said}"
        return Check(one.name, one.rule, Verdict.NOT_EVALUATED, duration_ms=_since(begun), reason=reason)
    samples = tuple(_sample(row["one"]) for row in rows)
    verdict = Verdict.BROKEN if rows else Verdict.HOLDS
    count = int(rows[0]["total"]) if rows else 0
    return Check(one.name, one.rule, verdict, count, samples, duration_ms=_since(begun))


def _sample(row: object) -> dict[str, object]:
    return sample(row if isinstance(row, Mapping) else {"row": row})


def _since(begun: float) -> float:
    return round((time.monotonic() - begun) * 1000, 1)
