"""What a migration locks, rewrites and reads, measured; and how long that may block, as a range.

The strongest lock of a table decides who waits (https://www.postgresql.org/docs/current/explicit-locking.html):
ACCESS EXCLUSIVE stops everybody, SHARE ROW EXCLUSIVE and SHARE stop writers. How long it is held depends on
whether the table is rewritten or read while it is: a new relfilenode is a rewrite.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ccops.core.reports.marks import Mark, Severity
from ccops.migrations.revision import Revision

_WORDS = {
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ShareLock": "SHARE",
}
# A measured rate says little about another machine, its cache and its load.
_FASTER, _SLOWER = 0.5, 4.0


@dataclass(frozen=True, slots=True)
class Size:
    """How large a table is where the migration will run."""

    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Rates:
    """Bytes a second, measured on the scratch server: rewriting a table, and reading it."""

    rewrite: float
    scan: float


@dataclass(frozen=True, slots=True)
class Lock:
    """What one statement did to one table that was there before."""

    table: str
    mode: str
    rewrite: bool
    scan: bool
    line: int
    sql: str


def locks_of(answer: Mapping[str, object]) -> list[Lock]:
    """Return every lock that stops writers or readers, in the order of the statements."""
    found: list[Lock] = []
    statements = answer.get("statements")
    for statement in statements if isinstance(statements, list) else []:
        for table, seen in sorted(statement["tables"].items()):
            if seen["mode"] in _WORDS:
                found.append(
                    Lock(
                        table,
                        seen["mode"],
                        seen["rewrite"],
                        seen["scan"],
                        statement["line"],
                        statement["sql"],
                    )
                )
    return found


def lock_marks(
    node: Revision, locks: list[Lock], file: str, sizes: Mapping[str, Size], rates: Rates | None
) -> list[Mark]:
    """Return a finding for each lock that is held for as long as a table is large."""
    marks = []
    for lock in locks:
        found = _judged(lock)
        if found is None:
            continue
        code, severity, what, step = found
        marks.append(
            Mark(
                code, f"{node.id}: {what}", severity, file=file, line=lock.line, subject=node.id,
                detail="\n".join([_short(lock.sql), _blocking(lock, sizes, rates)]), next_step=step,
            )
        )  # fmt: skip
    return marks


def _judged(lock: Lock) -> tuple[str, Severity, str, str] | None:
    table, mode = lock.table, _WORDS[lock.mode]
    if lock.rewrite:
        return (
            "ALEMBIC_LOCK_REWRITE", Severity.ERROR, f"{table} is rewritten under {mode}",
            "add a column beside it, fill it in batches, then swap the names (shadow + rename)",
        )  # fmt: skip
    words = lock.sql.upper()
    # A table that is made with the key is empty: nothing is checked, the lock is gone at once.
    if words.lstrip().startswith("ALTER") and "REFERENCES" in words and "NOT VALID" not in words:
        return (
            "ALEMBIC_LOCK_FOREIGN_KEY", Severity.WARNING, f"writers of {table} wait for a key ({mode})",
            "ADD CONSTRAINT .. NOT VALID, and VALIDATE CONSTRAINT in a later transaction",
        )  # fmt: skip
    if lock.mode == "AccessExclusiveLock" and lock.scan:
        return (
            "ALEMBIC_LOCK_SCAN", Severity.WARNING, f"{table} is read whole under {mode}",
            "ADD CONSTRAINT .. CHECK .. NOT VALID, VALIDATE, and only then SET NOT NULL",
        )  # fmt: skip
    if lock.mode == "ShareLock" and lock.scan:
        return (
            "ALEMBIC_LOCK_INDEX", Severity.WARNING, f"writers of {table} wait for the index ({mode})",
            "CREATE INDEX CONCURRENTLY in an autocommit block",
        )  # fmt: skip
    return None


def _blocking(lock: Lock, sizes: Mapping[str, Size], rates: Rates | None) -> str:
    size = sizes.get(lock.table) or sizes.get(lock.table.partition(".")[2])
    if size is None or rates is None:
        return "how long: as long as the table is large (--sizes FILE gives a range)"
    rate = rates.rewrite if lock.rewrite else rates.scan
    middle = size.bytes / rate
    return (
        f"blocks {_seconds(middle * _FASTER)} to {_seconds(middle * _SLOWER)}: {size.rows:,} rows,"
        f" {size.bytes / 2**20:,.0f} MiB at {rate / 2**20:.0f} MiB/s measured here"
    )


def _seconds(value: float) -> str:
    return f"{value:.0f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def _short(sql: str) -> str:
    flat = " ".join(sql.split())
    return flat if len(flat) <= 100 else f"{flat[:97]}..."
