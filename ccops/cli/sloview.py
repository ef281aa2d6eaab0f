"""How objectives look on a screen, in JSON and on a pull request."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ccops.cli.rulesview import parse_sets
from ccops.core.clock import SystemClock
from ccops.core.output import Report
from ccops.core.profile import Profile
from ccops.core.reports.markdown import escaped
from ccops.core.reports.marks import MarkReport
from ccops.core.reports.writing import check_reports, write_reports
from ccops.monitor.objectives import Outcome, Verdict
from ccops.monitor.slo import SloReport, report, sentence

if TYPE_CHECKING:
    from rich.console import Console

_SIGN = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "❔"}


def slo_report(profile: Profile, call: tuple[str, bool, Sequence[str]], reports: Sequence[str]) -> Report:
    """Judge the objectives, write the reports, and return the envelope."""
    check_reports(reports, stdout_taken=True)
    since, strict, sets = call
    begun, now = time.monotonic(), SystemClock().now()
    found = report(profile, since, now, strict=strict, sets=parse_sets(sets))
    table = _markdown(profile, found)
    write_reports(reports, _marks(found), {"md": table})
    return Report(
        "ccops.slo.report/v1",
        {
            "prometheus": found.url,
            "window_s": found.window.seconds,
            "coverage": round(found.coverage, 4),
            "strict": strict,
            "objectives": [asdict(one) for one in found.outcomes],
        },
        found.exit_code,
        env=profile.env,
        started_at=now,
        duration_ms=round((time.monotonic() - begun) * 1000),
        text=lambda console: _print(console, profile, found),
        markdown=table,
    )


def _marks(found: SloReport) -> MarkReport:
    passed = tuple(one.name for one in found.outcomes if one.verdict is Verdict.PASS)
    return MarkReport("ccops slo report", found.marks(), passed, summary=_summary(found))


def _print(console: Console, profile: Profile, found: SloReport) -> None:
    head = f"objectives of {profile.env} over {found.window.text}, {100 * found.coverage:.0f} % of it scraped"
    console.print(f"{head}   {found.url}", markup=False)
    width = max(len(one.title) for one in found.outcomes)
    for one in found.outcomes:
        few = f"of {one.needed} needed" if one.samples < one.needed else ""
        line = f"  {one.verdict:<12} {one.title:<{width}}  {_value(one):>12}  {_limit(one):<12}"
        line += f" n={one.samples} {few}"
        console.print(line.rstrip() + (f"  {one.note}" if one.note else ""), markup=False, soft_wrap=True)
    console.print(_summary(found), markup=False)


def _markdown(profile: Profile, found: SloReport) -> str:
    lines = [
        f"## Objectives of {escaped(profile.env)} over {found.window.text}",
        "",
        f"{100 * found.coverage:.0f} % of the window was scraped. {_summary(found)}",
        "",
        "| | Objective | Measured | Wanted | Samples | Window | Threshold |",
        "| --- | --- | ---: | --- | ---: | --- | --- |",
    ]
    for one in found.outcomes:
        cells = (
            f"{_SIGN[one.verdict]} {one.verdict}", one.title, _value(one), _limit(one),
            f"{one.samples} (needs {one.needed})", one.window, one.threshold,
        )  # fmt: skip
        lines.append("| " + " | ".join(escaped(cell) for cell in cells) + " |")
    notes = [f"- {escaped(sentence(one))}: {escaped(one.note)}" for one in found.outcomes if one.note]
    return "\n".join([*lines, "", *notes, ""])


def _summary(found: SloReport) -> str:
    verdicts = [one.verdict for one in found.outcomes]
    return ", ".join(f"{verdicts.count(one)} {one}" for one in Verdict if one in verdicts)


def _value(one: Outcome) -> str:
    if one.value is None:
        return "-"
    return f"{one.value:.6g} {one.unit}".strip()


def _limit(one: Outcome) -> str:
    return f"{one.relation} {one.limit:g} {one.unit}".strip()
