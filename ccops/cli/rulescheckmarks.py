"""How findings of `ccops rules check` become marks: one for all environments that have it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ccops.core.output import Issue
from ccops.core.reports.marks import Mark, MarkReport, Severity
from ccops.rules.check.engine import Checked
from ccops.rules.check.finding import SORTS, Finding
from ccops.rules.promtool import Promtool

if TYPE_CHECKING:
    from rich.console import Console

    from ccops.rules.thresholds import Resolved

TOOL = "ccops rules check"


@dataclass(frozen=True, slots=True)
class Judged:
    """One set of files that a server would load together; `env` is empty for files from the disk."""

    env: str
    checked: Checked
    resolved: Resolved | None = None
    anchored: bool = False  # runbooks were looked up


@dataclass(slots=True)
class Told:
    """A finding and the environments in which it is there."""

    finding: Finding
    envs: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)


def merged(judged: Iterable[Judged]) -> list[Told]:
    """Return each finding once, with all environments it is in."""
    told: dict[tuple[object, ...], Told] = {}
    for one in judged:
        for finding in one.checked.findings:
            key = (finding.code, finding.file, finding.line, finding.message, finding.rule)
            entry = told.setdefault(key, Told(finding))
            if one.env and one.env not in entry.envs:
                entry.envs.append(one.env)
            if one.resolved is not None:
                entry.values += [
                    f"{name}={one.resolved.text(name)} ({one.resolved.origins[name]})"
                    for name in finding.variables
                    if name in one.resolved.origins
                ]
    return list(told.values())


def mark_of(told: Told) -> Mark:
    """Return a finding as a mark: evidence, the values it rests on, where it is rendered."""
    one = told.finding
    detail = [line for line in one.evidence.splitlines() if line]
    detail += list(dict.fromkeys(told.values))
    if told.envs:
        detail.append(f"in {', '.join(told.envs)}: {one.rendered}")
    return Mark(
        one.code,
        f"{one.rule}: {one.message}" if one.rule else one.message,
        one.severity,
        file=one.file,
        line=one.line,
        subject=one.rule,
        detail="\n".join(detail),
        next_step=one.next_step,
        fingerprint=f"{one.code}:{one.file}:{one.rule}",
    )


def summary(judged: Sequence[Judged], marks: Sequence[Mark], tool: Promtool | None) -> str:
    """Return the last line: how much was found in how much, and by whom."""
    rules = sum(one.checked.rules for one in judged)
    files = sum(one.checked.files for one in judged)
    envs = [one.env for one in judged if one.env]
    where = f" of {', '.join(envs)}" if envs else ""
    asked = f"promtool {tool.version} asked too" if tool else "promtool not asked"
    if not all(one.anchored for one in judged):
        asked += ", runbooks not looked up"
    errors = sum(mark.severity is Severity.ERROR for mark in marks)
    counts = f"{errors} errors, {len(marks) - errors} warnings in {rules} rules, {files} files{where}"
    return f"{'FAIL' if errors else 'OK'} {counts}; {asked}"


def mark_report(judged: Sequence[Judged], marks: tuple[Mark, ...], said: str) -> MarkReport:
    """Return what reports are written from."""
    from ccops.cli.explainview import explanations

    known = explanations()
    rules = {code: known[code].means if code in known else sort.next_step for code, sort in SORTS.items()}
    checked = () if marks else tuple(f"{one.checked.rules} rules {one.env}".strip() for one in judged)
    return MarkReport(TOOL, marks, checked, rules=rules, summary=said)


def issues(marks: Iterable[Mark]) -> tuple[Issue, ...]:
    """Return marks as issues of the envelope."""
    from ccops.cli import marksview

    return tuple(marksview.issue(mark) for mark in marks)


def drawn(marks: Sequence[Mark], said: str) -> Callable[[Console], None]:
    """Return what draws marks and the summary."""
    from ccops.cli import marksview

    def draw(screen: Console) -> None:
        for mark in marks:
            marksview.draw(screen, mark)
        style = "bold red" if said.startswith("FAIL") else "yellow"
        screen.print(said, style=style, markup=False, soft_wrap=True)

    return draw
