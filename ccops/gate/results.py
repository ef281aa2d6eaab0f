"""The outcomes of a gate for other programs: marks for JUnit, SARIF and GitHub, one table for people."""

from __future__ import annotations

from collections.abc import Sequence

from ccops.core.errors import ExitCode, worst
from ccops.core.output import Issue
from ccops.core.reports.markdown import code_span, escaped
from ccops.core.reports.marks import Mark, MarkReport, Severity, of_issues
from ccops.gate.model import Outcome, Stage, Verdict

_SIGN = {Verdict.OK: "✅", Verdict.FAILED: "❌", Verdict.NOT_RUN: "⛔", Verdict.SKIPPED: "⏭️"}


def exit_code(outcomes: Sequence[Outcome]) -> ExitCode:
    """Return the worst code; what was skipped did not run and has none, but is never a pass by itself."""
    code = worst(outcome.code for outcome in outcomes)
    skipped = any(outcome.verdict is Verdict.SKIPPED for outcome in outcomes)
    return ExitCode.NEGATIVE if code is ExitCode.OK and skipped else code


def counts(outcomes: Sequence[Outcome]) -> str:
    """Return how many ended how."""
    numbers = {verdict: sum(one.verdict is verdict for one in outcomes) for verdict in Verdict}
    return ", ".join(f"{number} {verdict}" for verdict, number in numbers.items() if number)


def mark_report(outcomes: Sequence[Outcome], stage: Stage) -> MarkReport:
    """Return every issue of every check, named by its check; a check that is ok and silent is `checked`."""
    marks: list[Mark] = []
    for outcome in outcomes:
        marks += _marks(outcome)
    named = {mark.subject for mark in marks}
    fine = tuple(
        one.check.name for one in outcomes if one.verdict is Verdict.OK and one.check.name not in named
    )
    return MarkReport(f"ccops gate {stage}", tuple(marks), fine, summary=counts(outcomes))


def _marks(outcome: Outcome) -> list[Mark]:
    listed = of_issues(
        Issue(
            str(issue.get("code") or "GATE_ISSUE"), str(issue.get("message") or ""),
            str(issue.get("severity") or "error"), str(issue.get("evidence") or ""),
            str(issue.get("next") or ""), str(issue.get("where") or ""),
        )
        for issue in outcome.issues
    )  # fmt: skip
    found = [
        Mark(
            one.code, one.message, one.severity, one.file, one.line, one.column, outcome.check.name,
            one.detail, one.next_step,
        )
        for one in listed
    ]  # fmt: skip
    if outcome.verdict is Verdict.OK or any(mark.severity is Severity.ERROR for mark in found):
        return found
    code = "GATE_CHECK_SKIPPED" if outcome.verdict is Verdict.SKIPPED else "GATE_CHECK_FAILED"
    step = f"ccops {' '.join(outcome.check.argv)}"
    return [*found, Mark(code, outcome.summary, subject=outcome.check.name, next_step=step)]


def table(outcomes: Sequence[Outcome], stage: Stage, versions: str) -> str:
    """Return the gate as markdown: what a pull request or a job summary shows."""
    code = exit_code(outcomes)
    lines = [
        f"## {'✅' if code is ExitCode.OK else '❌'} ccops gate {stage}: {escaped(counts(outcomes))}", "",
        "| | Check | What it proves | Time | |", "| --- | --- | --- | ---: | --- |",
    ]  # fmt: skip
    for one in outcomes:
        said = "" if one.verdict is Verdict.OK and not one.summary else escaped(one.summary)
        name, about = code_span(one.check.name), escaped(one.check.about)
        lines.append(f"| {_SIGN[one.verdict]} | {name} | {about} | {one.seconds:.1f} s | {said} |")
    return "\n".join([*lines, "", f"exit {int(code)} · {escaped(versions)}", ""])
