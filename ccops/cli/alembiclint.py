"""What the migration linter found, how it looks, and its reports."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.cli import marksview
from ccops.core.clock import SystemClock
from ccops.core.errors import ExitCode
from ccops.core.output import Output, Report
from ccops.core.places import shown
from ccops.core.reports.marks import MarkReport
from ccops.core.reports.writing import check_reports, write_reports
from ccops.migrations.codes import CODES
from ccops.migrations.lint.run import LintCall, Linted, lint
from ccops.migrations.scratch.look import BUNDLED_SETTINGS
from ccops.stack.request import parse_settings

if TYPE_CHECKING:
    from rich.console import Console

_BUNDLED = Path(__file__).resolve().parents[1] / "backend" / "alembic.ini"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for. `config` None is the bundled backend's."""

    config: Path | None = None
    since: str = ""
    static: bool = False
    python: str = ""
    settings: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    timeout_s: float = 300.0


def lint_report(asked: Asked, output: Output) -> Report:
    """Lint the new revisions of a project."""
    check_reports(asked.reports, stdout_taken=output is not Output.TEXT)
    settings = ({} if asked.config else BUNDLED_SETTINGS) | parse_settings(asked.settings)
    call = LintCall(
        asked.config or _BUNDLED,
        asked.since,
        asked.static,
        asked.python or sys.executable,
        settings,
        asked.timeout_s,
    )
    found = lint(call, SystemClock().now().date())
    write_reports(asked.reports, _mark_report(found))
    data = {
        "config": str(found.config.path),
        "revisions": [node.id for node in found.revisions],
        "parts": dict(found.parts),
        "findings": [marksview.finding(mark) for mark in found.marks],
    }
    issues = () if output is Output.TEXT else tuple(marksview.issue(mark) for mark in found.open)
    quiet = any(spec.endswith("=-") for spec in asked.reports)

    def draw(screen: Console) -> None:
        if not quiet:
            title = shown(found.config.path)
            marksview.draw_checked(
                screen, title, found.parts, found.marks, _outcome(found), failed=found.failed
            )

    code = ExitCode.NEGATIVE if found.failed else ExitCode.OK
    return Report("ccops.alembic.lint/v1", data, code, issues=issues, text=draw)


def _mark_report(found: Linted) -> MarkReport:
    named = {mark.subject for mark in found.open}
    fine = tuple(node.id for node in found.revisions if node.id not in named)
    return MarkReport("ccops alembic lint", found.marks, fine, rules=CODES, summary=_outcome(found))


def _outcome(found: Linted) -> str:
    counts = Counter(mark.severity.value for mark in found.open)
    listed = ", ".join(f"{counts[word]} {word}s" for word in ("error", "warning"))
    allowed = len(found.marks) - len(found.open)
    state = "FAIL" if found.failed else "OK"
    return f"{state} {listed}, {counts['info']} notes, {allowed} allowed in {len(found.revisions)} revisions"
