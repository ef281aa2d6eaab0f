"""How lint findings look, and what mending them does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.cli import marksview
from ccops.contract import lint_fix
from ccops.contract.lint_routes import CODES, Linted, default_paths, lint
from ccops.contract.lint_rules import PACKAGED, read_rules
from ccops.core.clock import SystemClock
from ccops.core.errors import ExitCode, UsageError
from ccops.core.output import Output, Report
from ccops.core.profile import find_project
from ccops.core.reports.marks import MarkReport, Severity
from ccops.core.reports.writing import check_reports, write_reports

if TYPE_CHECKING:
    from rich.console import Console

_TOOL = "ccops lint routes"


@dataclass(frozen=True, slots=True)
class LintCall:
    """What was asked for. `apply` without `fix` is a wrong call."""

    paths: tuple[Path, ...]
    rules: Path | None = None
    fix: bool = False
    apply: bool = False


def lint_report(call: LintCall, project: Path | None, reports: tuple[str, ...], output: Output) -> Report:
    """Lint, mend when asked to, lint again what was mended, and write the reports."""
    if call.apply and not call.fix:
        raise UsageError(
            "USAGE",
            "--apply writes what --fix shows",
            evidence="--fix is missing",
            next_step=f"{_TOOL} --fix",
        )
    check_reports(reports, stdout_taken=output is not Output.TEXT)
    rules, today = read_rules(call.rules or PACKAGED), SystemClock().now().date()
    root = Path.cwd() if call.paths else find_project(project).root
    paths = call.paths or default_paths(rules, root)
    linted = lint(paths, rules, root=root, today=today)
    changes = lint_fix.fixed(linted.fixes) if call.fix else {}
    patch = lint_fix.diff(changes)
    if call.apply:
        lint_fix.apply(changes)
        linted = lint(paths, rules, root=root, today=today)
    write_reports(reports, _marks(linted))
    said = _outcome(linted)
    data = {
        "files": linted.files,
        "findings": [marksview.finding(mark) for mark in linted.marks],
        "fixable": len(linted.fixes),
        "applied": call.apply,
        "patch": patch,
    }
    shown = () if output is Output.TEXT else tuple(marksview.issue(mark) for mark in linted.open)
    quiet = any(spec.endswith("=-") for spec in reports)

    def draw(screen: Console) -> None:
        if quiet:
            return
        for mark in linted.marks:
            marksview.draw(screen, mark)
        if patch:
            screen.print(patch.rstrip("\n"), markup=False, soft_wrap=True)
            note = "written" if call.apply else "nothing changed; --apply writes it"
            screen.print(f"{len(changes)} files mended: {note}", markup=False)
        screen.print(said, style="bold red" if linted.failed else "bold green", markup=False)

    code = ExitCode.NEGATIVE if linted.failed else ExitCode.OK
    return Report("ccops.lint.routes/v1", data, code, issues=shown, text=draw)


def _outcome(linted: Linted) -> str:
    if not linted.files:
        return "FAIL no file was looked at"
    errors = sum(mark.severity is Severity.ERROR for mark in linted.open)
    warnings = len(linted.open) - errors
    accepted = len(linted.marks) - len(linted.open)
    counts = f"{errors} errors, {warnings} warnings, {accepted} allowed"
    return f"{'FAIL' if linted.failed else 'OK'} {counts} in {linted.files} files"


def _marks(linted: Linted) -> MarkReport:
    broken = "" if linted.files else _outcome(linted)
    checked = () if linted.open or broken else (f"{linted.files} files",)
    return MarkReport(_TOOL, linted.marks, checked, rules=CODES, summary=_outcome(linted), broken=broken)
