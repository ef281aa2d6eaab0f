"""What must hold before an offset is moved. Every refusal here leaves the cluster as it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from ccops.core.clock import iso
from ccops.core.confirm import check_typed
from ccops.core.errors import Refused
from ccops.core.profile import Profile
from ccops.kafka.broker import Broker
from ccops.kafka.model import Committed, Group, Observed, Place
from ccops.kafka.naming import check_group_name, env_of
from ccops.kafka.observe import unknown_group
from ccops.kafka.plan import Allowed, Plan, commits_moved, differences, place_name
from ccops.kafka.targets import Mark, Target, Wish

_SHOWN = 5
_ASK_S = 0.5


def check_group(broker: Broker, profile: Profile, group: Group, allowed: Allowed) -> None:
    """Refuse a group that is misnamed, or that nobody has ever used: a typo must not create one."""
    if not group.exists and not allowed.create_group:
        raise unknown_group(broker, group.name)
    check_group_name(group.name, env_of(profile), any_name=allowed.any_name)


def check_idle(group: Group) -> None:
    """Refuse a group with members, and say who they are. No option throws anybody out."""
    if group.idle:
        return
    members = [f"{one.client_id}  {one.member_id}  {one.host}" for one in group.members[:_SHOWN]]
    if len(group.members) > _SHOWN:
        members.append(f"and {len(group.members) - _SHOWN} more")
    raise Refused(
        "KAFKA_GROUP_ACTIVE",
        f"{group.name} is {group.state} with {len(group.members)} member(s)",
        evidence="\n".join(members) or "the group is between two states",
        next_step="stop these consumers (ccops down worker), then again; --wait 60s waits for them to leave",
    )


def wait_idle(
    broker: Broker, name: str, seconds: float, on_wait: Callable[[Group], None] = lambda group: None
) -> Group:
    """Return the group as soon as it is idle, and at the latest after `seconds`, idle or not."""
    end = time.monotonic() + seconds
    while True:
        group = broker.describe([name])[name]
        if group.idle or time.monotonic() >= end:
            return group
        on_wait(group)
        time.sleep(min(_ASK_S, max(0.0, end - time.monotonic())))


def check_targets(wish: Wish, targets: Sequence[Target], allowed: Allowed) -> None:
    """Refuse targets that are not what anybody can have meant, unless they were allowed."""
    if beyond := [one for one in targets if one.mark is Mark.BEYOND]:
        raise Refused(
            "KAFKA_OFFSET_BEYOND_END",
            f"{wish.kind.value} is beyond the end of {len(beyond)} partition(s)",
            evidence=_sample(beyond, lambda one: f"asked for {one.offset}, the end is {one.latest}"),
            next_step="a smaller offset, or --to-latest",
        )
    clamped = [one for one in targets if one.mark is Mark.CLAMPED]
    if clamped and not allowed.clamp:
        most = "up to " if wish.timed else ""
        lost = sum(one.lost for one in clamped)
        raise Refused(
            "KAFKA_BEFORE_RETENTION",
            f"{wish.kind.value} reaches records that retention has removed: {most}{lost} in "
            f"{len(clamped)} partition(s)",
            evidence=_sample(clamped, lambda one: f"first left is {one.earliest}, {most}{one.lost} lost"),
            next_step="--allow-clamp starts at the first records that are left",
        )
    nowhere = wish.timed and targets and all(one.mark in {Mark.END, Mark.EMPTY} for one in targets)
    if nowhere and not allowed.no_match_end:
        raise Refused(
            "KAFKA_NO_RECORD",
            f"no partition has a record at or after {wish.text}",
            evidence=_sample(targets, _without),
            next_step="an earlier time, or --on-no-match end to go to the ends",
        )
    if all(one.offset is None for one in targets):
        none = "the group has committed in no topic, so that --all-topics is none"
        raise Refused(
            "KAFKA_NOTHING_COMMITTED",
            f"{wish.kind.value} has nothing to start from",
            evidence=f"none of the {len(targets)} partition(s) has an offset to take" if targets else none,
            next_step="--topic NAME with --to-datetime, --to-earliest or --to-latest needs no commit",
        )


def _without(one: Target) -> str:
    if one.mark is not Mark.EMPTY:
        return f"ends at {one.latest}, its records are older"
    return f"is empty: all {one.latest} record(s) were removed" if one.latest else "has never had a record"


def check_fresh(plan: Plan, observed: Observed) -> None:
    """Refuse when the cluster is not what `plan` saw: a member came, a topic changed, an offset moved."""
    check_idle(observed.group)
    if changed := differences(plan, observed):
        raise _stale(plan, changed)


def check_commits(plan: Plan, committed: Mapping[Place, Committed]) -> None:
    """Refuse when somebody moved the group since the last look: the last thing before the write.

    Kafka has no compare-and-set, so that another machine can still come in between; then whoever was there
    first reads back something else than they wrote, and says so.
    """
    if changed := commits_moved(plan, committed):
        raise _stale(plan, changed)


def check_age(plan: Plan, profile: Profile, now: datetime) -> None:
    """Refuse a plan of another environment, and one that is too old."""
    if plan.env != profile.env:
        raise Refused(
            "KAFKA_PLAN_FOREIGN",
            f"the plan was made for {plan.env}, and this is {profile.env}",
            evidence=f"group {plan.group}, cluster {plan.cluster}",
            next_step=f"--env {plan.env}",
        )
    if plan.expired(now):
        raise Refused(
            "KAFKA_PLAN_EXPIRED",
            f"the plan is from {iso(plan.made_at)}, and now is {iso(now)}",
            evidence="a plan is valid for 15 minutes, and not before it was made",
            next_step="plan again: the same call without --plan and --apply",
        )


def check_confirmed(profile: Profile, groups: Sequence[str], confirm: str, reason: str, verb: str) -> None:
    """Refuse on a protected profile unless the groups were typed and a reason was given."""
    kept = "it goes to the audit log, for the person who asks next month"
    check_typed(
        "KAFKA_REASON_MISSING", profile, ",".join(groups), verb, confirm=confirm, reason=reason, kept=kept
    )


def _stale(plan: Plan, changed: Sequence[str]) -> Refused:
    more = f"\nand {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    return Refused(
        "KAFKA_PLAN_STALE",
        f"{plan.group} is not what was planned: {len(changed)} difference(s)",
        evidence="\n".join(changed[:_SHOWN]) + more,
        next_step="look again and plan again: the same call without --plan and --apply",
    )


def _sample(targets: Sequence[Target], said: Callable[[Target], str]) -> str:
    lines = [f"{place_name(one.place)}: {said(one)}" for one in targets[:_SHOWN]]
    if len(targets) > _SHOWN:
        lines.append(f"and {len(targets) - _SHOWN} more partitions")
    return "\n".join(lines)
