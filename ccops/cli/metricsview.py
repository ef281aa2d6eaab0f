"""How verified metrics look on a screen, in JSON and in reports."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ccops.core.errors import ExitCode
from ccops.core.output import Output, Report
from ccops.core.profile import Profile
from ccops.core.reports.marks import MarkReport, of_issues
from ccops.core.reports.writing import check_reports, write_reports
from ccops.monitor.metrics import Verified, Wish, verify_metrics
from ccops.monitor.usage import Used, usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console


def verify_report(profile: Profile, wish: Wish, reports: Sequence[str], output: Output) -> Report:
    """Verify `wish`, write the reports, and return the envelope."""
    check_reports(reports, stdout_taken=True)
    begun, started = time.monotonic(), datetime.now(UTC)
    found = verify_metrics(profile, wish, _say)
    write_reports(reports, _marks(wish, found))
    return Report(
        "ccops.metrics.verify/v1",
        _data(wish, found),
        found.exit_code,
        env=profile.env,
        issues=tuple(found.issues),
        started_at=started,
        duration_ms=round((time.monotonic() - begun) * 1000),
        text=lambda console: _print(console, found),
    )


def list_report(profile: Profile, *, unused: bool, strict: bool) -> Report:
    """List the metrics of the contract with their users."""
    chosen = [one for one in usage(profile).values() if one.unused or not unused]
    lonely = sum(one.unused for one in chosen)
    return Report(
        "ccops.metrics.list/v1",
        {"metrics": [_used_row(one) for one in chosen], "unused": lonely},
        ExitCode.NEGATIVE if strict and unused and lonely else ExitCode.OK,
        env=profile.env,
        text=lambda console: _print_used(console, chosen, lonely),
    )


def _used_row(one: Used) -> dict[str, object]:
    return {
        "metric": one.metric.name,
        "type": one.metric.kind,
        "labels": {name: list(values) if values else None for name, values in one.metric.labels.items()},
        "rules": sorted(one.rules),
        "dashboards": sorted(one.panels),
        "objectives": sorted(one.objectives),
    }


def _print_used(console: Console, chosen: Sequence[Used], lonely: int) -> None:
    width = max((len(one.metric.name) for one in chosen), default=0)
    for one in chosen:
        users = ", ".join([*sorted(one.panels), *sorted(one.rules), *sorted(one.objectives)]) or "nobody"
        labels = ",".join(one.metric.labels)
        line = f"  {one.metric.name:<{width}}  {one.metric.kind:<9} {{{labels}}}  {users}"
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"{len(chosen)} metrics, {lonely} that nobody looks at", markup=False)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _data(wish: Wish, found: Verified) -> dict[str, object]:
    return {
        "profile": wish.profile.name if wish.profile else None,
        "endpoints": dict(found.places),
        "metrics": list(found.names),
        "deltas": [
            {
                "delta": one.delta.text,
                "grown": one.grown,
                "series": one.series,
                "holds": one.holds,
                "by_endpoint": dict(one.by_place),
            }
            for one in found.judged
        ],
        "restarts_seen": found.restarts,
        "command_code": found.command_code,
        "legacy_ws": found.touched or None,
    }


def _print(console: Console, found: Verified) -> None:
    for label, url in found.places.items():
        console.print(f"  {label:<9} {url.rstrip('/')}/metrics", markup=False)
    missing = sum(issue.code in {"METRIC_MISSING", "METRIC_UNDECLARED"} for issue in found.issues)
    if found.names:
        console.print(f"  {len(found.names)} metrics looked for, {missing} missing", markup=False)
    if found.touched:
        console.print(f"  the old games socket {found.touched} a knock", markup=False)
    for one in found.judged:
        word = "ok" if one.holds else "FAIL"
        console.print(f"  {word:<4} {one.delta.text}   grew by {one.grown:g}", markup=False, soft_wrap=True)
    if found.restarts:
        console.print(f"  {found.restarts} process(es) began anew meanwhile", markup=False)
    said = "verified" if not found.issues else f"{len(found.issues)} finding(s)"
    console.print(said, markup=False)


def _marks(wish: Wish, found: Verified) -> MarkReport:
    checked = tuple(one.delta.text for one in found.judged if one.holds)
    if wish.profile and not found.issues:
        checked += (f"profile {wish.profile.name}",)
    return MarkReport("ccops metrics verify", of_issues(found.issues), checked)
