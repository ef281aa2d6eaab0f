"""How the files for Grafana are planned, compared and written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ccops.cli.marksview import draw, finding, issue
from ccops.core.errors import ExitCode
from ccops.core.output import Report
from ccops.core.profile import Profile
from ccops.monitor.provision import Place, Plan, apply, plan

if TYPE_CHECKING:
    from rich.console import Console

_SIGN = {"created": "+", "changed": "~", "stale": "-", "same": " "}


@dataclass(frozen=True, slots=True)
class ProvisionCall:
    """Where to, and what is to be done there."""

    place: Place
    diff: bool = False
    compare: bool = False
    write: bool = False


def provision_report(profile: Profile, call: ProvisionCall) -> Report:
    """Plan, and write when that was asked for."""
    made = plan(profile, call.place)
    if call.write and not call.compare:
        made = apply(made)
    bad = bool(made.checked.marks) or (call.compare and bool(made.pending))
    return Report(
        "ccops.monitor.provision/v1",
        {
            "out": str(call.place.out),
            "applied": made.applied,
            "files": [{"name": one.name, "change": one.what} for one in made.changes],
            "findings": [finding(one) for one in made.checked.marks],
        },
        ExitCode.NEGATIVE if bad else ExitCode.OK,
        env=profile.env,
        issues=tuple(map(issue, made.checked.marks)),
        text=lambda console: _print(console, made, call),
    )


def _print(console: Console, made: Plan, call: ProvisionCall) -> None:
    for one in made.checked.marks:
        draw(console, one)
    for change in made.changes:
        if change.what == "same":
            continue
        console.print(f"  {_SIGN[change.what]} {change.name}", markup=False, soft_wrap=True)
        if call.diff and change.what == "changed":
            console.print(change.diff.rstrip("\n"), markup=False, soft_wrap=True)
    same = sum(one.what == "same" for one in made.changes)
    said = "written" if made.applied else "planned" if made.pending else "nothing to do"
    console.print(f"{len(made.pending)} file(s) differ, {same} same: {said}", markup=False)
    if made.pending and not made.applied and not call.compare:
        console.print("next: the same with --apply", markup=False)
