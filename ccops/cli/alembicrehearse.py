"""What a rehearsal of the migrations came to, as it goes on and at its end."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.cli import marksview
from ccops.core.clock import SystemClock
from ccops.core.errors import ExitCode, UsageError
from ccops.core.output import Output, Report, console
from ccops.core.profile import find_project
from ccops.gate.rehearse import Rehearsal, Route, Step, rehearse, route_of
from ccops.gate.rehearse_stack import stack_stage
from ccops.migrations.check import Wanted, check
from ccops.migrations.released import lock_path, read_lock
from ccops.migrations.scratch.look import BUNDLED_SETTINGS
from ccops.migrations.scratch.run import Runner

if TYPE_CHECKING:
    from rich.console import Console

_BUNDLED = Path(__file__).resolve().parents[1] / "backend" / "alembic.ini"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for. `dump` None begins with an empty database."""

    dump: Path | None = None
    start: str = ""
    seed: str = "demo"
    twice: bool = False
    timeout_s: float = 600.0


def rehearse_report(asked: Asked, env: str, project: Path | None, output: Output) -> Report:
    """Rehearse the bundled migrations on a stack of its own."""
    found = check(Wanted(_BUNDLED))
    if found.failed:
        first = next(mark for mark in found.marks if mark.severity == "error")
        raise UsageError(
            "REHEARSE_START", "a broken graph is not rehearsed", evidence=f"{first.code}: {first.message}",
            next_step="ccops alembic check",
        )  # fmt: skip
    route = route_of(found.graph, read_lock(lock_path(found.config)), asked.start)
    runner = Runner(found.config, settings=BUNDLED_SETTINGS, timeout_s=asked.timeout_s)
    revisions = tuple(found.graph.nodes.values())

    def told(step: Step) -> None:
        if output is Output.TEXT:
            _draw_step(console(sys.stdout), step)

    with stack_stage(find_project(project), env, runner, revisions, asked.dump, asked.seed) as stage:
        done = rehearse(stage, route, SystemClock(), told, twice=asked.twice)
    data = {
        "from": done.start,
        "to": done.head,
        "dump": str(asked.dump) if asked.dump else None,
        "steps": [_step(step) for step in done.steps],
        "not_begun": done.left,
        "findings": [marksview.finding(mark) for mark in done.marks],
    }
    issues = () if output is Output.TEXT else tuple(marksview.issue(mark) for mark in done.marks)
    code = ExitCode.NEGATIVE if done.failed else ExitCode.OK
    return Report(
        "ccops.alembic.rehearse/v1", data, code, env=env, issues=issues,
        text=lambda screen: _draw(screen, done, route),
    )  # fmt: skip


def _step(step: Step) -> dict[str, object]:
    return {
        "name": step.name,
        "about": step.about,
        "ok": not step.failed,
        "seconds": round(step.seconds, 3),
        "lines": list(step.lines),
        "failed": step.failed or None,
    }


def _draw_step(screen: Console, step: Step) -> None:
    sign, style = ("x", "bold red") if step.failed else ("ok", "green")
    said = ", ".join(line for line in step.lines if line) if not step.failed else step.failed
    screen.print(
        f"{sign:<3} {step.name:<14} {step.seconds:6.1f} s  {step.about}" + (f": {said}" if said else ""),
        style=style if step.failed else None, markup=False, soft_wrap=True,
    )  # fmt: skip


def _draw(screen: Console, done: Rehearsal, route: Route) -> None:
    for name in done.left:
        screen.print(f"-   {name:<14} not begun", style="dim", markup=False)
    for mark in done.marks:
        marksview.draw(screen, mark)
    seconds = sum(step.seconds for step in done.steps)
    why = f" ({route.why})" if done.start == route.start else ""
    outcome = f"{'FAIL' if done.failed else 'OK'} {done.start} to {done.head}{why}, {seconds:.0f} s"
    screen.print(outcome, style="bold red" if done.failed else "bold green", markup=False)
