"""Plan a reset: look at everything, decide, check; nothing is written to the cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ccops.core.errors import UsageError
from ccops.kafka.guard import check_group, check_idle, check_targets, wait_idle
from ccops.kafka.model import Found, Group, Observed, Place
from ccops.kafka.observe import Scope, observe_with
from ccops.kafka.plan import Allowed, Plan, make_plan, noted
from ccops.kafka.recover import pending
from ccops.kafka.run import Context
from ccops.kafka.target import gaps_of
from ccops.kafka.targets import Kind, Mark, Wish, targets_of
from ccops.kafka.wishes import copied


@dataclass(frozen=True, slots=True)
class Request:
    """What a reset is asked to do. A file says itself which partitions it is about, if nobody else does."""

    groups: tuple[str, ...]
    scope: Scope
    wish: Wish
    allowed: Allowed


def plan_reset(context: Context, request: Request) -> tuple[Plan, ...]:
    """Return a plan for each group. Raises CcopsError for whatever speaks against any of them."""
    if len(set(request.groups)) != len(request.groups) or not request.groups:
        raise UsageError(
            "KAFKA_GROUP_TWICE",
            "name each group once, and at least one",
            evidence=f"--group: {', '.join(request.groups) or 'none'}",
            next_step="ccops kafka groups    lists them",
        )
    wish = copied(request.wish, context.broker)
    scope = _copied_scope(request.scope, wish)
    groups = context.broker.describe(request.groups)
    for name in request.groups:
        check_group(context.broker, context.profile, groups[name], request.allowed)
    left = pending(context)
    return tuple(
        noted(_plan(context, groups[name], scope, wish, request.allowed), *left) for name in request.groups
    )


def _copied_scope(scope: Scope, wish: Wish) -> Scope:
    """Return all topics of the group that is copied: a new group has none of its own yet."""
    if not scope.every or wish.kind is not Kind.GROUP or wish.offsets is None:
        return scope
    return Scope(dict.fromkeys(sorted({topic for topic, _ in wish.offsets}), frozenset()))


def _plan(context: Context, group: Group, scope: Scope, wish: Wish, allowed: Allowed) -> Plan:
    if context.options.wait_s and not group.idle:
        group = wait_idle(
            context.broker,
            group.name,
            context.options.wait_s,
            lambda now: context.tell(f"waiting for {len(now.members)} member(s) of {now.name} to leave"),
        )
    check_idle(group)
    observed, found = observe_with(
        context.broker, group, scope, [wish.time_ms] if wish.timed else [], stable=True
    )
    return plan_from(context, observed, wish, found[0] if found else {}, allowed)


def plan_from(
    context: Context, observed: Observed, wish: Wish, found: Mapping[Place, Found], allowed: Allowed
) -> Plan:
    """Return the checked plan of `wish` on what was observed, with what its reader should know."""
    targets = targets_of(wish, observed, found)
    check_targets(wish, targets, allowed)
    plan = make_plan(context.profile.env, observed, wish, targets, context.clock.now(), allowed)
    return noted(plan, *_notes(context, observed, plan, wish))


def _notes(context: Context, observed: Observed, plan: Plan, wish: Wish) -> Sequence[str]:
    notes: list[str] = []
    if not observed.group.exists:
        notes.append(f"{plan.group} does not exist yet: the write creates it")
    elif observed.group.state == "DEAD":
        notes.append(f"{plan.group} is DEAD, not EMPTY: some clusters say so of a group without members")
    new = [one for one in plan.moving if one.before is None]
    if new:
        notes.append(f"{len(new)} partition(s) have no commit yet; a restore can't take theirs away again")
    left = [one for one in plan.targets if one.mark is Mark.UNCOMMITTED]
    if left:
        notes.append(f"{len(left)} partition(s) have no offset to start from and stay as they are")
    if aside := _not_asked(observed, wish):
        notes.append(f"{aside} line(s) of the file are about other partitions and are left out")
    if wish.timed:
        notes += _about_times(context, plan)
    notes += gaps_of(context.profile, observed.cluster.anonymous)
    return notes


def _not_asked(observed: Observed, wish: Wish) -> int:
    if wish.kind is not Kind.FILE or wish.offsets is None:
        return 0
    return len(wish.offsets.keys() - observed.ends.keys())


def _about_times(context: Context, plan: Plan) -> list[str]:
    kinds = {
        name: config.get("message.timestamp.type", "?")
        for name, config in context.broker.configs(sorted(plan.topics)).items()
    }
    said = sorted({f"{kind}" for kind in kinds.values()})
    notes = [
        f"timestamps are {', '.join(said)}: the target is the first record in the log at or after the time"
    ]
    if "CreateTime" in said:
        notes.append("producers set these times, so older records may follow the target")
    ends = [one for one in plan.targets if one.mark is Mark.END]
    emptied = [one for one in plan.targets if one.mark is Mark.EMPTY and one.latest]
    if emptied:
        most = sum(one.latest for one in emptied)
        notes.append(f"{len(emptied)} partition(s) are empty: retention took what was there, {most} in all")
    if ends:
        notes.append(f"{len(ends)} partition(s) have no record at or after the time and go to their end")
    return notes


def file_scope(wish: Wish, topics: Sequence[str], every: bool) -> Scope | None:
    """Return the partitions that a file names, when no topic was; None: the options say it."""
    if wish.offsets is None or topics or every:
        return None
    names: dict[str, frozenset[int]] = {}
    for topic, partition in wish.offsets:
        names[topic] = names.get(topic, frozenset()) | {partition}
    return Scope(names)
