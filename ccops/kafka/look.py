"""Look at what a plan is about, before the write and after it."""

from __future__ import annotations

from dataclasses import replace

from ccops.core.errors import CcopsError, Degraded
from ccops.kafka.lag import GroupLag, PartitionLag, State, lag_of
from ccops.kafka.model import Observed
from ccops.kafka.observe import Scope, observe
from ccops.kafka.plan import Plan
from ccops.kafka.run import Context
from ccops.kafka.write import Ending, Written

_SHOWN = 5


def look(context: Context, plan: Plan) -> Observed:
    """Look at what `plan` is about as it is now; a topic that is gone shows as a difference."""
    group = context.broker.describe([plan.group])[plan.group]
    there = context.broker.topics(list(plan.topics))
    numbers: dict[str, set[int]] = {}
    for one in plan.targets:
        numbers.setdefault(one.place[0], set()).add(one.place[1])
    parts = {
        name: frozenset(number for number in wanted if number < there[name].partitions)
        for name, wanted in numbers.items()
        if name in there
    }
    return observe(context.broker, group, Scope({name: some for name, some in parts.items() if some}))[0]


def looked_after(context: Context, plan: Plan, written: Written, restore: str) -> tuple[int | None, Written]:
    """Return the lag, and how it ended: no write is tied to the topic that was looked at."""
    try:
        seen = look(context, plan)
    except CcopsError:
        return None, written
    lag = lag_of(seen)
    if written.ending is not Ending.WRITTEN:
        return lag.total, written
    other = [
        f"{name}: {'is gone' if name not in seen.topics else f'id {ident} is now {seen.topics[name].ident}'}"
        for name, (ident, _) in plan.topics.items()
        if name not in seen.topics or seen.topics[name].ident != ident
    ]
    wrong = [*other, *(f"{one.topic}:{one.partition}: {one.state.value}" for one in _astray(lag, plan))]
    if not wrong:
        return lag.total, written
    failure = Degraded(
        "KAFKA_VERIFY_MISMATCH",
        f"{plan.group} was written, but its records changed under the write",
        evidence="\n".join(wrong[:_SHOWN]),
        next_step=f"plan again on what is there now; or: {restore}",
    )
    return lag.total, replace(written, failure=failure)


def _astray(lag: GroupLag, plan: Plan) -> list[PartitionLag]:
    """Return the partitions that were moved to a place where there is no record any more."""
    moved = {one.place: one.offset for one in plan.moving}
    bad = {State.AHEAD, State.EXPIRED}
    return [
        one
        for one in lag.partitions
        if one.state in bad and moved.get((one.topic, one.partition)) == one.committed
    ]
