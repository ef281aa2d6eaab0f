"""What `ccops rules tune` does with its options, and how proposals look."""

from __future__ import annotations

import difflib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ccops.cli.tunecall import TuneOptions, call_of, written_of
from ccops.core.clock import SystemClock
from ccops.core.errors import ExitCode
from ccops.core.output import Issue, Report
from ccops.core.profile import Profile
from ccops.rules.tune.asdata import as_data, chosen, significant
from ccops.rules.tune.fetch import as_json
from ccops.rules.tune.model import Candidate, Proposal, Verdict
from ccops.rules.tune.run import Tuned, tune
from ccops.rules.tune.write import Written
from ccops.rules.values import canonical

if TYPE_CHECKING:
    from rich.console import Console


def tune_report(profile: Profile, options: TuneOptions) -> Report:
    """Return what history says, after writing what was asked to be written."""
    begun, now = time.monotonic(), SystemClock().now()
    tuned = tune(profile, call_of(options), now)
    if options.save is not None:
        options.save.write_text(as_json(tuned.histories), encoding="utf-8")
    written = written_of(profile, tuned.proposals, options, now)
    named = bool(options.rules)
    issues = [issue for one in tuned.proposals if (issue := _issue(one, named)) is not None]
    return Report(
        "ccops.rules.tune/v1",
        {"proposals": [as_data(one) for one in tuned.proposals], "diff": _diff(written)},
        ExitCode.NEGATIVE if issues else ExitCode.OK,
        env=profile.env,
        issues=tuple(issues),
        started_at=now,
        duration_ms=round((time.monotonic() - begun) * 1000),
        text=lambda console: _print(console, tuned, written),
        markdown=_markdown(tuned.proposals, written),
    )


def _issue(one: Proposal, named: bool) -> Issue | None:
    if one.verdict is Verdict.NOT_TUNABLE:
        said = f"{one.rule} can't be tuned: {one.reason}"
        return Issue("TUNE_NOT_TUNABLE", said, severity="warning") if named else None
    if one.verdict is Verdict.INSUFFICIENT:
        said = f"{one.rule} has too little to go by: {one.reason}"
        return Issue("TUNE_TOO_LITTLE", said, severity="warning")
    return Issue("TUNE_NO_PLATEAU", f"{one.rule}: {one.reason}", severity="warning") if one.reason else None


def _print(console: Console, tuned: Tuned, written: Written | None) -> None:
    width = max((len(one.rule) for one in tuned.proposals), default=0)
    for one in tuned.proposals:
        console.print(f"{one.rule:<{width}}  {_headline(one)}".rstrip(), markup=False)
        if len(tuned.proposals) == 1 or one.moves:
            for line in _details(one):
                console.print(f"  {line}", markup=False)
    if written is not None:
        console.print(_diff(written), markup=False)


def _headline(one: Proposal) -> str:
    if one.verdict is Verdict.NOT_TUNABLE:
        return f"not tunable: {one.reason}"
    if one.current is None or one.proposed is None:
        return f"{one.var}  insufficient: {one.reason}"
    if not one.moves:
        return f"{one.var}  keep {canonical(one.current)}{_safe(one)}"
    return f"{one.var}  {one.verdict.value} {canonical(one.current)} -> {canonical(one.proposed)}{_safe(one)}"


def _safe(one: Proposal) -> str:
    if one.plateau is None:
        return f": {one.reason}" if one.reason else ""
    low, high = map(canonical, one.plateau)
    return f"  (safe between {low} and {high})" if low != high else f"  (only {low})"


def _details(one: Proposal) -> list[str]:
    if one.stats is None or one.window is None:
        return [f"note: {text}" for text in one.warnings]
    days = (one.window.end - one.window.start) / 86_400
    stats = one.stats
    lines = [
        f"{days:.1f} days at {one.window.step} s, {100 * one.coverage:.0f} % observed, "
        f"{stats.samples} samples, {stats.trimmed} trimmed",
        f"median {significant(stats.median):g}, MAD {significant(stats.mad):.3g}, p99 {stats.p99:.4g}, "
        f"p99.9 {stats.p999:.4g}, most {stats.max:.4g}; noise reaches {one.floor:.4g}",
        "",
        f"{'threshold':>10} {'fires':>6} {'pages':>6} {'a week':>7} {'minutes':>8}",
    ]
    lines += [_row(one, item) for item in one.candidates]
    return ["", *[line.rstrip() for line in lines], "", *[f"note: {text}" for text in one.warnings]]


def _row(one: Proposal, item: Candidate) -> str:
    marks = {one.proposed: "proposed", one.current: "now"}.get(item.threshold, "")
    missed = f"misses {', '.join(item.missed)}" if item.missed else ""
    figures = f"{item.fires:>6} {item.pages:>6} {item.per_week:>7.1f} {item.firing_minutes:>8.1f}"
    return f"{canonical(item.threshold):>10} {figures}  {'  '.join(filter(None, (marks, missed)))}"


def _diff(written: Written | None) -> str:
    if written is None:
        return ""
    return "".join(
        difflib.unified_diff(
            written.before.splitlines(keepends=True),
            written.after.splitlines(keepends=True),
            written.label,
            written.label,
            n=1,
        )
    )


def _markdown(proposals: Sequence[Proposal], written: Written | None) -> str:
    lines = [
        "## Thresholds against history",
        "",
        "| Alert | Variable | Now | Proposed | Verdict | Plateau | Pages a week |",
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for one in proposals:
        values = [canonical(value) if value is not None else "" for value in (one.current, one.proposed)]
        plateau = " to ".join(map(canonical, one.plateau)) if one.plateau else one.reason
        item = chosen(one)
        week = f"{item.per_week:.1f}" if item else ""
        lines.append(f"| {' | '.join((one.rule, one.var, *values, one.verdict.value, plateau, week))} |")
    if written is not None:
        lines += ["", "```diff", _diff(written).rstrip(), "```"]
    return "\n".join([*lines, ""])
