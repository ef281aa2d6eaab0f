"""How plans and what became of them are shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.core.output import Report
from ccops.core.profile import Profile
from ccops.kafka.apply import Outcome, restore_command
from ccops.kafka.plan import Plan, plan_json
from ccops.kafka.targets import Mark, Target

if TYPE_CHECKING:
    from rich.console import Console

_SHOWN = 40


def plan_report(profile: Profile, plans: Sequence[Plan], saved: Path | None, next_step: str) -> Report:
    """Return the report of a dry run."""
    data = {
        "applied": False,
        "changes": sum(len(plan.moving) for plan in plans),
        "plan_file": str(saved) if saved else None,
        "plans": [plan_json(plan) for plan in plans],
        "next": next_step,
    }

    def text(console: Console) -> None:
        for plan in plans:
            _print_plan(console, profile, plan)
        console.print("nothing changed." + (f"  plan saved: {saved}" if saved else ""), markup=False)
        console.print(f"next:  {next_step}", markup=False)

    return Report("ccops.kafka.reset/v1", data, env=profile.env, text=text)


def outcome_report(profile: Profile, outcomes: Sequence[Outcome]) -> Report:
    """Return the report of a run that went well; everything else is an error."""
    data = {"applied": True, "runs": [_outcome_json(profile, one) for one in outcomes]}

    def text(console: Console) -> None:
        for one in outcomes:
            _print_outcome(console, profile, one)

    return Report("ccops.kafka.reset/v1", data, env=profile.env, text=text)


def _outcome_json(profile: Profile, one: Outcome) -> dict[str, object]:
    return {
        "run_id": one.run_id,
        "action": one.action,
        "group": one.plan.group,
        "outcome": one.ending,
        "changes": len(one.plan.moving) if one.snapshot else 0,
        "snapshot": str(one.snapshot) if one.snapshot else None,
        "restore": restore_command(profile.env, one.snapshot) if one.snapshot else None,
        "silence": one.silence,
        "lag_before": one.lag_before,
        "lag_after": one.lag_after,
        "notes": list(one.notes),
        "plan": plan_json(one.plan),
    }


def _print_plan(console: Console, profile: Profile, plan: Plan) -> None:
    guarded = " (protected)" if profile.protected else ""
    wish = f"{plan.wish} {plan.said}".strip()
    console.print(f"plan  kafka {wish}    env {plan.env}{guarded}", markup=False)
    console.print(f"  group    {plan.group}  {plan.state}    cluster {plan.cluster}", markup=False)
    for name, (_, count) in plan.topics.items():
        console.print(f"  topic    {name}  {count} partitions", markup=False)
    for one in plan.targets[:_SHOWN]:
        console.print(_target_line(one), markup=False)
    if len(plan.targets) > _SHOWN:
        console.print(f"  and {len(plan.targets) - _SHOWN} partitions more: -o json", markup=False)
    lost = sum(one.lost for one in plan.targets)
    moved = f"{len(plan.moving)} of {len(plan.targets)}"
    effect = f"{moved} partition(s) move, {plan.again} record(s) are read again"
    effect += f", {plan.skipped} are skipped" if plan.skipped else ""
    effect += f", up to {lost} lost to retention" if lost else ""
    console.print(f"  effect   {effect}", markup=False)
    for note in plan.notes:
        console.print(f"  note     {note}", markup=False)


def _target_line(one: Target) -> str:
    before = "-" if one.before is None else str(one.before)
    target = "stays" if one.offset is None else str(one.offset)
    change = "" if one.offset is None else f"({-one.again:+d})"
    mark = "" if one.mark is Mark.NONE else f"  {one.mark.value}"
    lost = f" {one.lost} lost" if one.lost else ""
    return f"  {one.place[0]}:{one.place[1]:<4} {before:>10} -> {target:<10} {change}{mark}{lost}".rstrip()


def _print_outcome(console: Console, profile: Profile, one: Outcome) -> None:
    console.print(f"{one.plan.group}  {one.ending}  run {one.run_id}", markup=False)
    if one.snapshot:
        console.print(
            f"  {len(one.plan.moving)} moved and read back; lag {one.lag_before} -> {one.lag_after}",
            markup=False,
        )
        console.print(f"  silence  {one.silence}", markup=False)
    for note in one.notes:
        console.print(f"  note     {note}", markup=False)
    if one.snapshot:
        console.print(f"undo:  {restore_command(profile.env, one.snapshot)}", markup=False)
