"""What ccops kafka reset and restore do with their options: plan, show and save, or execute."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ccops.cli.kafkaresetview import outcome_report, plan_report
from ccops.core.errors import UsageError
from ccops.core.output import Report
from ccops.kafka.execute import execute_all, recover_first
from ccops.kafka.guard import check_age, check_confirmed
from ccops.kafka.observe import scope_of
from ccops.kafka.plan import Allowed, Plan
from ccops.kafka.planfile import load_plans, save_plans
from ccops.kafka.reset import Request, file_scope, plan_reset
from ccops.kafka.restore import plan_restore
from ccops.kafka.run import Context, run_id
from ccops.kafka.snapshot import load
from ccops.kafka.targets import Kind, Wish
from ccops.kafka.wishes import choose, wish_of


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a reset as they were given."""

    groups: Sequence[str] = ()
    topics: Sequence[str] = ()
    every: bool = False
    targets: dict[Kind, str | int | bool | None] = field(default_factory=dict)
    zone: str = ""
    allowed: Allowed = field(default_factory=Allowed)
    plan: Path | None = None
    apply: bool = False
    confirm: str = ""


def reset_report(context: Context, asked: Asked) -> Report:
    """Return what a reset found or did."""
    if asked.plan is not None:
        if (
            asked.groups
            or asked.topics
            or asked.every
            or any(v not in {None, False} for v in asked.targets.values())
        ):
            raise UsageError(
                "KAFKA_PLAN_MIXED",
                "a plan says everything itself",
                evidence="--plan was given together with a group, a topic or a target",
                next_step=f"ccops kafka reset --plan {asked.plan} --apply",
            )
        plans = load_plans(asked.plan)
        for plan in plans:
            check_age(plan, context.profile, context.clock.now())
        return _shown_or_done(context, plans, asked, "reset")
    request = _request(context, asked)
    if asked.apply:
        check_confirmed(context.profile, request.groups, asked.confirm, context.options.reason, "reset")
        for line in recover_first(context):
            context.tell(line)
    return _shown_or_done(context, plan_reset(context, request), asked, "reset")


def restore_report(context: Context, path: Path, *, allow_clamp: bool, apply: bool, confirm: str) -> Report:
    """Return what a restore found or did."""
    snapshot = load(path)
    if apply:
        check_confirmed(context.profile, [snapshot.group], confirm, context.options.reason, "restore")
        for line in recover_first(context):
            context.tell(line)
    plan = plan_restore(context, snapshot, allow_clamp=allow_clamp)
    if not apply:
        call = f"ccops kafka restore {shlex.quote(str(path))} --env {context.profile.env} --apply"
        return plan_report(context.profile, (plan,), None, call + _token(context, (plan,)))
    return _shown_or_done(context, (plan,), Asked(apply=True, confirm=confirm), "restore")


def _request(context: Context, asked: Asked) -> Request:
    kind, text = choose(asked.targets)
    protected = context.profile.protected
    wish: Wish = wish_of(kind, text, context.clock.now(), zone=asked.zone, protected=protected)
    scope = file_scope(wish, asked.topics, asked.every) or scope_of(asked.topics, asked.every)
    return Request(tuple(asked.groups), scope, wish, asked.allowed)


def _shown_or_done(context: Context, plans: Sequence[Plan], asked: Asked, action: str) -> Report:
    if asked.apply:
        groups = [plan.group for plan in plans]
        check_confirmed(context.profile, groups, asked.confirm, context.options.reason, action)
        return outcome_report(context.profile, execute_all(context, plans, action))
    saved = asked.plan
    if saved is None and any(plan.moving for plan in plans):
        saved = context.folder / "plans" / f"{run_id('plan', context.clock.now())}.json"
        save_plans(saved, plans)
    if saved is None:
        return plan_report(context.profile, plans, None, "nothing: every partition stands there already")
    call = f"ccops kafka reset --env {context.profile.env} --plan {shlex.quote(str(saved))} --apply"
    return plan_report(context.profile, plans, saved, call + _token(context, plans))


def _token(context: Context, plans: Sequence[Plan]) -> str:
    if not context.profile.protected:
        return ""
    groups = ",".join(plan.group for plan in plans)
    return f' --confirm {context.profile.env}:{groups} --reason "..."'
