"""Put a group back to where a snapshot saw it; it deletes nothing that the reset did not create."""

from __future__ import annotations

from ccops.core.errors import Refused
from ccops.kafka.guard import check_idle, wait_idle
from ccops.kafka.model import Observed
from ccops.kafka.observe import Scope, observe
from ccops.kafka.plan import Allowed, Plan, noted
from ccops.kafka.recover import pending
from ccops.kafka.reset import plan_from
from ccops.kafka.run import Context
from ccops.kafka.snapshot import Snapshot, check_cluster
from ccops.kafka.targets import Kind, Wish

_SHOWN = 5


def plan_restore(context: Context, snapshot: Snapshot, *, allow_clamp: bool = False) -> Plan:
    """Return the plan that puts the group back. Raises Refused when the offsets mean other records now."""
    numbers: dict[str, set[int]] = {}
    for topic, number in snapshot.places:
        numbers.setdefault(topic, set()).add(number)
    scope = Scope({name: frozenset(some) for name, some in numbers.items()})
    group = context.broker.describe([snapshot.group])[snapshot.group]
    if context.options.wait_s:
        group = wait_idle(context.broker, snapshot.group, context.options.wait_s)
    check_idle(group)
    context.broker.topics(list(snapshot.topics))
    check_cluster(snapshot, context.broker.cluster())
    observed, _ = observe(context.broker, group, scope)
    _check_topics(snapshot, observed)
    wish = Wish(Kind.SNAPSHOT, f"{snapshot.run_id} of {snapshot.taken_at}", offsets=snapshot.committed)
    allowed = Allowed(clamp=allow_clamp, create_group=True, any_name=True)
    plan = plan_from(context, observed, wish, {}, allowed)
    return noted(plan, *_notes(snapshot, plan), *pending(context))


def _notes(snapshot: Snapshot, plan: Plan) -> list[str]:
    notes: list[str] = []
    stay = [one for one in plan.targets if one.place in snapshot.absent and one.before is not None]
    if stay:
        notes.append(f"{len(stay)} partition(s) had no commit in the snapshot; a commit can't be taken away")
    if not snapshot.group_existed:
        notes.append(
            f"{snapshot.group} did not exist before that run: ccops kafka replay-gc or the broker's own tool "
            "can delete it when it is empty"
        )
    return notes


def _check_topics(snapshot: Snapshot, observed: Observed) -> None:
    """Refuse when a topic is another one than the snapshot saw: by identity, or an end that ran back."""
    changed = [
        f"{name}: was {ident}, is {observed.topics[name].ident}"
        for name, (ident, _) in snapshot.topics.items()
        if name in observed.topics and observed.topics[name].ident != ident
    ]
    changed += [
        f"{place[0]}:{place[1]}: its end ran backwards from {latest} to {observed.ends[place].latest}"
        for place, latest in snapshot.latest.items()
        if place in observed.ends and observed.ends[place].latest < latest
    ]
    if changed:
        raise Refused(
            "KAFKA_TOPIC_RECREATED",
            f"topics of {snapshot.group} were deleted and created again since the snapshot",
            evidence="\n".join(changed[:_SHOWN]),
            next_step="these offsets mean other records now; plan a reset by time instead",
        )
