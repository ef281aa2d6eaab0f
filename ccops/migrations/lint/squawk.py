"""What squawk says of a migration's SQL, at the line of the migration that made it.

squawk knows SQL only: each revision is rendered on its own, because it takes tables that were made earlier in
one file for new. What this linter judges itself, with the plan and the allow comments, is left out there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ccops.core.reports.marks import Mark, Severity
from ccops.migrations.revision import Revision

_TIMEOUT_S = 30.0
# Judged here; and what alembic does by itself (one transaction, no second run of a half-done file).
_OURS = (
    "ban-drop-table", "ban-drop-column", "ban-drop-database", "renaming-column", "renaming-table",
    "changing-column-type", "adding-not-nullable-field", "adding-required-field",
    "ban-concurrent-index-creation-in-transaction", "require-lock-timeout", "require-timeout-settings",
    "require-statement-timeout", "prefer-robust-stmts", "transaction-nesting", "ban-uncommitted-transaction",
)  # fmt: skip
# Opinions about types and names: nothing is lost or blocked by them.
_TASTE = ("prefer-", "ban-char-field", "require-table-schema")


@dataclass(frozen=True, slots=True)
class Squawk:
    """The program and the folder whose .squawk.toml counts."""

    program: str
    folder: Path


def find_squawk(folder: Path) -> Squawk | None:
    """Return the installed squawk (PyPI: squawk-cli), None when there is none."""
    beside = str(Path(sys.executable).parent)  # a virtual environment that nobody activated
    program = shutil.which("squawk") or shutil.which("squawk", path=beside)
    return Squawk(program, folder) if program else None


def squawk_marks(
    squawk: Squawk, node: Revision, answer: Mapping[str, object], file: str
) -> tuple[list[Mark], str]:
    """Return the findings about the rendered SQL of one revision, and why there are none to be had."""
    sql, lines = answer.get("sql"), answer.get("lines")
    if not isinstance(sql, str):
        return [], str(answer.get("error") or "it gave no SQL")
    try:
        done = subprocess.run(
            [squawk.program, "--reporter", "json", "--assume-in-transaction", "--stdin-filepath", file]
            + [word for rule in _OURS for word in ("--exclude", rule)],
            input=sql.encode(), capture_output=True, timeout=_TIMEOUT_S, check=False, cwd=squawk.folder,
        )  # fmt: skip
        found = json.loads(done.stdout or b"[]")
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        return [], f"squawk gave no answer: {type(error).__name__}"
    if done.returncode not in {0, 1} or not isinstance(found, list):
        return [], f"squawk ended with {done.returncode}: {done.stderr.decode('utf-8', 'replace')[:200]}"
    known = [(int(at), int(line)) for at, line in lines] if isinstance(lines, list) else []
    listed = [one for one in found if isinstance(one, dict)]
    return list(_marks(listed, node, known, sql.splitlines(), file)), ""


def _marks(
    found: Sequence[Mapping[str, object]],
    node: Revision,
    lines: Sequence[tuple[int, int]],
    sql: Sequence[str],
    file: str,
) -> Iterator[Mark]:
    """Yield one finding for each rule and line of the migration, with all SQL that it is about."""
    about: dict[tuple[str, int, str, str], list[str]] = {}
    for one in found:
        at, rule = int(str(one.get("line") or 0)), str(one.get("rule_name") or "unknown")
        if rule.startswith(_TASTE):
            continue
        line = migration_line(at, lines) or node.line
        key = (rule, line, str(one.get("message")), str(one.get("help") or ""))
        about.setdefault(key, []).append(sql[at].strip()[:160] if at < len(sql) else "")
    for (rule, line, message, advice), texts in about.items():
        yield Mark(
            "ALEMBIC_SQUAWK",
            f"{node.id}: {rule}: {message}",
            Severity.WARNING,
            file=file,
            line=line,
            subject=node.id,
            detail="\n".join(texts),
            next_step=advice or f"https://squawkhq.com/docs/{rule}",
        )


def migration_line(at: int, lines: Sequence[tuple[int, int]]) -> int:
    """Return the line of the migration that made SQL line `at`; both are where a statement begins."""
    return max(((sql, line) for sql, line in lines if sql <= at), default=(0, 0))[1]
