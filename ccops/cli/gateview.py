"""What a gate ran and how it looks; a recorded run of another program."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.core import evidence
from ccops.core.clock import SystemClock
from ccops.core.ending import terminated
from ccops.core.errors import ExitCode, Unreachable, UsageError
from ccops.core.masking import mask_urls
from ccops.core.output import Issue, Output, Report
from ccops.core.profile import find_project, load_profile
from ccops.core.reports.writing import check_reports, write_reports
from ccops.gate.choose import choose
from ccops.gate.ground import ground_of
from ccops.gate.model import Outcome, Stage, Verdict
from ccops.gate.registry import NAME, registry
from ccops.gate.results import counts, exit_code, mark_report, table
from ccops.gate.run import run_all

if TYPE_CHECKING:
    from rich.console import Console

_STYLE = {
    Verdict.OK: "green",
    Verdict.FAILED: "bold red",
    Verdict.NOT_RUN: "bold red",
    Verdict.SKIPPED: "dim",
}


@dataclass(frozen=True, slots=True)
class GateCall:
    """What was asked for."""

    stage: Stage
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    fail_fast: bool = False
    jobs: int = 2
    reports: tuple[str, ...] = ()
    env: str = "dev"
    project: Path | None = None


def list_report(call: GateCall) -> Report:
    """Show the checks that `call` would run."""
    checks = choose(registry(), call.stage, call.only, call.skip)
    data = [
        {
            "name": check.name, "capability": check.capability, "stage": check.stage.value,
            "needs": check.needs.value, "argv": ["ccops", *check.argv], "proves": check.about,
        }
        for check in checks
    ]  # fmt: skip

    def draw(screen: Console) -> None:
        from rich.table import Table

        shown = Table(box=None, pad_edge=False)
        for head in ("CHECK", "CAPABILITY", "STAGE", "NEEDS", "PROVES"):
            shown.add_column(head, no_wrap=head != "PROVES")
        for check in checks:
            shown.add_row(check.name, check.capability, check.stage, check.needs, check.about)
        screen.print(shown)

    return Report("ccops.gate.list/v1", data, env=call.env, text=draw)


def gate_report(call: GateCall, output: Output) -> Report:
    """Run the checks, tell each as it ends, keep the evidence, write the reports."""
    check_reports(call.reports, stdout_taken=output is not Output.TEXT)
    project = find_project(call.project)
    load_profile(call.env, project)  # an unknown environment is said once, and not by every check
    checks = choose(registry(), call.stage, call.only, call.skip)
    clock = SystemClock()
    ground = ground_of(call.env, project, clock)
    width = max(len(check.name) for check in checks)

    def told(outcome: Outcome) -> None:
        if output is Output.TEXT:
            line = f"{outcome.check.name:<{width}}  {outcome.verdict:<13} {outcome.seconds:6.1f} s"
            sys.stderr.write(f"{line}\n")

    started = clock.now()
    with terminated():  # who ends us must not be left with what we started
        outcomes = run_all(checks, ground, jobs=call.jobs, fail_fast=call.fail_fast, told=told)
    versions = ", ".join(f"{name} {value}" for name, value in ground.versions.items())
    markdown = table(outcomes, call.stage, versions)
    write_reports(call.reports, mark_report(outcomes, call.stage), {"md": markdown})
    _summarise(markdown)
    data = {
        "stage": call.stage.value, "versions": dict(ground.versions), "evidence": str(ground.evidence),
        "checks": [_plain(outcome, ground.root) for outcome in outcomes],
    }  # fmt: skip
    issues = tuple(issue for outcome in outcomes for issue in _issues(outcome))
    quiet = any(spec.endswith("=-") for spec in call.reports)

    def draw(screen: Console) -> None:
        if not quiet:
            _draw(screen, outcomes, width)
            screen.print(f"evidence: {ground.evidence / call.env}", markup=False, soft_wrap=True)

    took = int((clock.now() - started).total_seconds() * 1000)
    shown = () if output is Output.TEXT else issues
    return Report(
        "ccops.gate/v1", data, exit_code(outcomes), env=call.env, issues=shown, started_at=started,
        duration_ms=took, text=draw, markdown=markdown,
    )  # fmt: skip


def _draw(screen: Console, outcomes: list[Outcome], width: int) -> None:
    for outcome in outcomes:
        head = f"{outcome.check.name:<{width}}  {outcome.verdict:<13} {outcome.seconds:6.1f} s  "
        said = outcome.summary or outcome.check.about
        screen.print(f"{head}{said}", style=_STYLE[outcome.verdict], markup=False, soft_wrap=True)
        if outcome.verdict in {Verdict.FAILED, Verdict.NOT_RUN}:
            words = _call(outcome)
            screen.print(f"{'':<{width}}  next: {words}", markup=False, soft_wrap=True)
    code = exit_code(outcomes)
    style = "bold green" if code is ExitCode.OK else "bold red"
    screen.print(f"{'OK' if code is ExitCode.OK else 'FAIL'} {counts(outcomes)}", style=style, markup=False)


def _call(outcome: Outcome) -> str:
    """Return the check's own command, as it ran if it ran."""
    kept = evidence.read(outcome.evidence) if outcome.evidence else None
    return shlex.join(kept.argv if kept else ("ccops", *outcome.check.argv))


def _plain(outcome: Outcome, root: Path) -> dict[str, object]:
    place = outcome.evidence
    inside = place is not None and place.is_relative_to(root)
    return {
        "name": outcome.check.name,
        "capability": outcome.check.capability,
        "verdict": outcome.verdict.value,
        "exit_code": int(outcome.code),
        "seconds": round(outcome.seconds, 3),
        "summary": outcome.summary,
        "evidence": None if place is None else str(place.relative_to(root) if inside else place),
    }


def _issues(outcome: Outcome) -> list[Issue]:
    if outcome.verdict in {Verdict.OK, Verdict.SKIPPED}:
        return []
    words = _call(outcome)
    return [
        Issue(
            "GATE_CHECK_FAILED", f"{outcome.check.name}: {outcome.verdict}", evidence=outcome.summary,
            next_step=words,
        )
    ]  # fmt: skip


def _summarise(markdown: str) -> None:
    """Add the table to the job's summary when GitHub runs us; failing at that fails nothing."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(markdown)
    except OSError as error:
        sys.stderr.write(f"warning: the job summary was not written: {error.strerror}\n")


def recorded(name: str, command: tuple[str, ...], env: str, project: Path | None) -> int:
    """Run `command` with our terminal and keep how it ended; return its code."""
    if not NAME.fullmatch(name) or name in {check.name for check in registry()}:
        raise UsageError(
            "GATE_RECORD_NAME",
            f"{name!r} can't name a recorded run",
            evidence="a name is of a-z, 0-9 and -, and no check of the gate has it",
            next_step="ccops gate record tests -- pytest -q",
        )
    found, clock = find_project(project), SystemClock()
    load_profile(env, found)  # an environment that is none names no folder either
    ground = ground_of(env, found, clock)
    started, began = clock.now(), clock.monotonic()
    try:
        done = subprocess.run(command, check=False, cwd=Path.cwd())
    except OSError as error:
        raise Unreachable(
            "GATE_RECORD_START",
            f"{command[0]} could not be started",
            evidence=str(error.strerror),
            next_step="check the command's name",
        ) from None
    took = int((clock.monotonic() - began) * 1000)
    code = done.returncode if done.returncode >= 0 else 128 - done.returncode
    evidence.write(
        ground.evidence,
        evidence.Evidence(
            name, env, tuple(map(mask_urls, command)), code, started, took, {}, ground.versions
        ),
    )
    return code
