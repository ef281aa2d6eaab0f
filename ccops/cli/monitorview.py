"""How the checks of monitoring look on a screen, in JSON and in reports."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.cli.marksview import draw, finding, issue
from ccops.core.clock import SystemClock, iso
from ccops.core.errors import ExitCode
from ccops.core.output import Output, Report
from ccops.core.profile import Profile
from ccops.core.reports.marks import Mark, MarkReport
from ccops.core.reports.writing import check_reports, write_reports
from ccops.monitor.check import Checked
from ccops.monitor.check import check as check_dashboards
from ccops.monitor.status import ActiveAlert, Status
from ccops.monitor.status import status as ask_status
from ccops.monitor.verify import VerifiedMonitor
from ccops.monitor.verify import verify as verify_monitor
from ccops.rules.silences import Silence

if TYPE_CHECKING:
    from rich.console import Console


def check_report(profile: Profile, path: Path | None, reports: Sequence[str], output: Output) -> Report:
    """Check dashboards, write the reports, and return the envelope."""
    check_reports(reports, stdout_taken=True)
    begun, started = time.monotonic(), datetime.now(UTC)
    found = check_dashboards(profile, path)
    summary = _check_line(found)
    write_reports(reports, _marks("ccops monitor check", found.marks, summary))
    data = {
        "dashboards": [{"uid": one.uid, "panels": len(one.panels)} for one in found.dashboards],
        "queries": found.queries,
        "findings": [finding(one) for one in found.marks],
    }
    code = ExitCode.NEGATIVE if found.marks else ExitCode.OK
    text = _drawn(found.marks, lambda console: console.print(summary, markup=False))
    return _report("ccops.monitor.check/v1", data, code, profile, found.marks, output, begun, started, text)


def verify_report(profile: Profile, url: str, reports: Sequence[str], output: Output) -> Report:
    """Ask Prometheus, write the reports, and return the envelope."""
    check_reports(reports, stdout_taken=True)
    begun, started = time.monotonic(), datetime.now(UTC)
    found = verify_monitor(profile, url)
    checked = tuple(f"{one.dashboard} {one.panel} {one.ref_id}" for one in found.answers if one.word == "ok")
    write_reports(reports, _marks("ccops monitor verify", found.marks, _verify_line(found), checked))
    data = {
        "prometheus": found.url,
        "panels": [
            {"dashboard": one.dashboard, "panel": one.panel, "query": one.ref_id, "answer": one.word}
            | {"series": one.series}
            for one in found.answers
        ],
        "targets": [
            {"job": one.job, "instance": one.instance, "health": one.health} for one in found.targets
        ],
        "groups": {"wanted": list(found.wanted_groups), "loaded": [one.name for one in found.groups]},
        "findings": [finding(one) for one in found.marks],
    }
    code = ExitCode.NEGATIVE if found.failed else ExitCode.OK
    text = _drawn(found.marks, lambda console: _print_verified(console, found))
    return _report("ccops.monitor.verify/v1", data, code, profile, found.marks, output, begun, started, text)


def status_report(profile: Profile) -> Report:
    """Ask Prometheus and Alertmanager, and return the envelope."""
    found = ask_status(profile, SystemClock())
    data = {
        "prometheus": found.url,
        "targets": [
            {"job": one.job, "instance": one.instance, "health": one.health} for one in found.targets
        ],
        "groups": len(found.groups),
        "alerts": [_alert_row(one, found.at) for one in found.alerts],
        "silences": [_silence_row(one, found.at) for one in found.silences],
        "no_alertmanager": found.no_alertmanager or None,
    }
    return Report(
        "ccops.monitor.status/v1",
        data,
        found.exit_code,
        env=profile.env,
        started_at=found.at,
        text=lambda console: _print_status(console, found),
    )


def _report(
    schema: str,
    data: object,
    code: ExitCode,
    profile: Profile,
    marks: Sequence[Mark],
    output: Output,
    begun: float,
    started: datetime,
    text: Callable[[Console], None],
) -> Report:
    return Report(
        schema,
        data,
        code,
        env=profile.env,
        issues=() if output is Output.TEXT else tuple(map(issue, marks)),
        started_at=started,
        duration_ms=round((time.monotonic() - begun) * 1000),
        text=text,
    )


def _drawn(marks: Sequence[Mark], end: Callable[[Console], None]) -> Callable[[Console], None]:
    def draw_all(console: Console) -> None:
        for one in marks:
            draw(console, one)
        end(console)

    return draw_all


def _marks(tool: str, marks: Sequence[Mark], summary: str, checked: tuple[str, ...] = ()) -> MarkReport:
    return MarkReport(tool, tuple(marks), checked or (() if marks else (summary,)), summary=summary)


def _check_line(found: Checked) -> str:
    panels = sum(len(one.panels) for one in found.dashboards)
    said = f"{len(found.marks)} finding(s)" if found.marks else "clean"
    return (
        f"{found.env}: {len(found.dashboards)} dashboards, {panels} panels, {found.queries} queries: {said}"
    )


def _verify_line(found: VerifiedMonitor) -> str:
    words = [one.word for one in found.answers]
    said = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(sorted(words)))
    up = sum(one.up for one in found.targets)
    loaded = {one.name for one in found.groups}
    groups = f"{sum(name in loaded for name in found.wanted_groups)}/{len(found.wanted_groups)}"
    return f"queries: {said}; targets up {up}/{len(found.targets)}; rule groups loaded {groups}"


def _print_verified(console: Console, found: VerifiedMonitor) -> None:
    for uid in dict.fromkeys(one.dashboard for one in found.answers):
        rows = [one for one in found.answers if one.dashboard == uid]
        bad = [f"{one.panel} {one.ref_id}: {one.word}" for one in rows if one.word != "ok"]
        line = f"  {uid:<15} {len(rows) - len(bad):>3}/{len(rows)} show something   {'; '.join(bad)}"
        console.print(line.rstrip(), markup=False, soft_wrap=True)
    console.print(_verify_line(found), markup=False, soft_wrap=True)


def _print_status(console: Console, found: Status) -> None:
    console.print(f"prometheus {found.url}   {len(found.groups)} rule groups", markup=False)
    for target in found.targets:
        line = f"  target   {target.health:<8} {target.job:<20} {target.instance}  {target.last_error}"
        console.print(line.rstrip(), markup=False, soft_wrap=True)
    for alert in found.alerts:
        labels = " ".join(f"{key}={text}" for key, text in sorted(alert.labels.items()))
        muted = f"  silenced for {_left(alert.silence, found.at)}" if alert.silence else ""
        line = f"  alert    {alert.state:<8} {alert.name:<28} {_age(alert.since, found.at)}  {labels}{muted}"
        console.print(line, markup=False, soft_wrap=True)
    if not found.alerts:
        console.print("  alert    none fires and none is about to", markup=False)
    for silence in found.silences:
        exact = " ".join(f"{key}={text}" for key, text in sorted(silence.matchers.items()))
        line = f"  silence  {silence.state:<8} {_left(silence, found.at)} left  {silence.owner}  {exact}"
        console.print(line, markup=False, soft_wrap=True)
    if found.no_alertmanager:
        console.print(f"  silence  unknown: {found.no_alertmanager}", markup=False)
    elif not found.silences:
        console.print("  silence  none", markup=False)


def _alert_row(one: ActiveAlert, now: datetime) -> dict[str, object]:
    return {
        "alert": one.name,
        "state": one.state,
        "labels": dict(one.labels),
        "since": iso(one.since),
        "silenced_by": one.silence.ident if one.silence else None,
        "silence_left_s": _seconds(one.silence, now) if one.silence else None,
    }


def _silence_row(one: Silence, now: datetime) -> dict[str, object]:
    return {
        "id": one.ident,
        "owner": one.owner,
        "comment": one.comment,
        "matchers": dict(one.matchers),
        "exact": one.exact,
        "state": one.state,
        "ends_at": iso(one.ends_at),
        "left_s": _seconds(one, now),
    }


def _seconds(one: Silence, now: datetime) -> int:
    return max(0, round((one.ends_at - now).total_seconds()))


def _left(one: Silence, now: datetime) -> str:
    return _text(_seconds(one, now))


def _age(since: datetime, now: datetime) -> str:
    return f"for {_text(max(0, round((now - since).total_seconds())))}"


def _text(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
