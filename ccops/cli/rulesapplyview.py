"""What `ccops rules apply` does and how its plan looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.cli.options import profile_of, teller
from ccops.cli.rulesview import parse_sets
from ccops.core.output import Output, Report
from ccops.rules import apply as applying
from ccops.rules.apply import Done, Job, Plan
from ccops.rules.jobs import job_of
from ccops.rules.project import Options
from ccops.rules.scaling import parse_scale
from ccops.rules.wanted import Change, Kind

if TYPE_CHECKING:
    from rich.console import Console

_SIGNS = {Kind.ADDED: "+", Kind.REMOVED: "-", Kind.CHANGED: "~"}


@dataclass(frozen=True, slots=True)
class ApplyCall:
    """The options of one `ccops rules apply`."""

    env: str
    apply: bool = False
    rules_dir: Path | None = None
    sets: tuple[str, ...] = ()
    time_scale: str = "1"
    confirm: str = ""
    reason: str = ""
    timeout_s: float = 0.0
    project: Path | None = None


def apply_report(call: ApplyCall, output: Output) -> Report:
    """Plan, or apply and verify. Raises what the functions below raise."""
    profile = profile_of(call.env, call.project)
    if call.apply:
        applying.check_confirmed(profile, call.confirm, call.reason)
    job = job_of(
        profile,
        Options(parse_sets(call.sets), parse_scale(call.time_scale)),
        rules_dir=call.rules_dir,
        reason=call.reason,
        timeout_s=call.timeout_s,
        tell=teller(output),
    )
    if not call.apply:
        plan = applying.plan(job)
        return _report(
            job, Done(plan, changed=False), "" if plan.empty else "nothing changed; --apply does it"
        )
    done = applying.apply(job)
    said = f"loaded, compared and evaluated: {done.plan.count} rules in {done.plan.groups} groups"
    return _report(job, done, said if done.changed else "")


def _report(job: Job, done: Done, said: str) -> Report:
    plan = done.plan
    return Report(
        "ccops.rules.apply/v1",
        {
            "changed": done.changed,
            "folder": str(job.place.folder),
            "server": job.place.url,
            "groups": plan.groups,
            "rules": plan.count,
            "files": {
                "created": list(plan.files.created),
                "changed": list(plan.files.changed),
                "removed": list(plan.files.stale),
            },
            "changes": [_row(one) for one in plan.rules],
            "backup": done.backup or None,
            "unended": plan.unended.run if plan.unended else None,
        },
        env=job.profile.env,
        text=lambda console: _print(console, job, plan, said),
    )


def _row(one: Change) -> dict[str, object]:
    return {
        "kind": one.kind.value,
        "group": one.group,
        "rule": one.rule or None,
        "fields": {name: {"before": old, "after": new} for name, (old, new) in one.fields.items()},
    }


def _print(console: Console, job: Job, plan: Plan, said: str) -> None:
    files = len(plan.files.created) + len(plan.files.changed) + len(plan.files.stale)
    lines = [
        f"{job.profile.env}: {plan.count} rules in {plan.groups} groups, {job.place.url}, {job.place.folder}"
    ]
    if plan.empty:
        lines.append("the server has exactly these: nothing to do")
    else:
        lines.append(f"{len(plan.rules)} change(s) to what is loaded, {files} file(s)")
    if left := plan.unended:
        lines.append(f"the run {left.run} of {left.actor} ({left.at}) goes on or was killed")
        lines.append("--apply puts its old files back first, when nobody is at it any more")
    lines += _lines(plan.rules)
    lines += [said] if said else []
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _lines(found: Sequence[Change]) -> Iterator[str]:
    for one in found:
        more = f" ({one.rules} rules)" if one.rules else ""
        yield f"  {_SIGNS[one.kind]} {one.name}{more}"
        for name, (old, new) in one.fields.items():
            yield f"      {name}"
            yield from (f"        - {line}" for line in old.splitlines())
            yield from (f"        + {line}" for line in new.splitlines())
