"""A reset as it was reviewed: what was observed, where every partition goes, and one hash over both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ccops.core.clock import iso
from ccops.kafka.model import Committed, Observed, Place
from ccops.kafka.targets import Kind, Target, Wish

VALID = timedelta(minutes=15)
_SKEW = timedelta(minutes=1)  # between the clocks of who planned and who applies


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the operator has said yes to."""

    clamp: bool = False
    no_match_end: bool = False
    create_group: bool = False
    any_name: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """One group's reset. It is executed as it stands, or refused when the cluster has moved."""

    env: str
    group: str
    cluster: str
    state: str
    wish: str
    said: str
    topics: Mapping[str, tuple[str, int]]
    targets: tuple[Target, ...]
    made_at: datetime
    allowed: Allowed
    notes: tuple[str, ...] = ()
    group_exists: bool = True

    @property
    def moving(self) -> tuple[Target, ...]:
        """Return the partitions that a write would change."""
        return tuple(target for target in self.targets if target.changes)

    @property
    def again(self) -> int:
        """Return how many records will be read again (offsets, so at most)."""
        return sum(max(target.again, 0) for target in self.moving)

    @property
    def skipped(self) -> int:
        """Return how many records will never be read by the group."""
        return sum(max(-target.again, 0) for target in self.moving)

    @property
    def fingerprint(self) -> str:
        """Return the hash of what was observed and decided; ends move all the time and are not in it."""
        facts = {
            "env": self.env,
            "group": self.group,
            "exists": self.group_exists,
            "allowed": [
                self.allowed.clamp,
                self.allowed.no_match_end,
                self.allowed.create_group,
                self.allowed.any_name,
            ],
            "cluster": self.cluster,
            "topics": {name: list(item) for name, item in sorted(self.topics.items())},
            "moves": [[*t.place, t.before, t.offset, t.metadata] for t in self.targets],
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]

    def expired(self, now: datetime) -> bool:
        """Return whether the plan is too old to be applied unseen, or from the future: then nobody knows."""
        return not -_SKEW < now - self.made_at < VALID


def make_plan(
    env: str, observed: Observed, wish: Wish, targets: tuple[Target, ...], now: datetime, allowed: Allowed
) -> Plan:
    """Return the plan; checks are made by `ccops.kafka.guard`."""
    return Plan(
        env,
        observed.group.name,
        observed.cluster.identity,
        observed.group.state,
        wish.kind.value,
        wish.text,
        {name: (topic.ident, topic.partitions) for name, topic in observed.topics.items()},
        targets,
        now,
        allowed,
        (wish.note,) if wish.note else (),
        observed.group.exists,
    )


def noted(plan: Plan, *notes: str) -> Plan:
    """Return `plan` with more remarks for its reader."""
    return replace(plan, notes=(*plan.notes, *notes))


def differences(plan: Plan, observed: Observed) -> tuple[str, ...]:
    """Return what is no longer as `plan` saw it, as sentences; nothing when it may be executed."""
    return tuple(_differences(plan, observed))


def _differences(plan: Plan, observed: Observed) -> Iterator[str]:
    if observed.cluster.identity != plan.cluster:
        yield f"cluster: planned on {plan.cluster}, this is {observed.cluster.identity}"
        return
    if observed.group.exists != plan.group_exists:
        yield f"group: {'appeared' if observed.group.exists else 'is gone'} since the plan was made"
    for name, (ident, count) in plan.topics.items():
        topic = observed.topics.get(name)
        if topic is None:
            yield f"{name}: the topic is gone"
        elif topic.ident != ident:
            yield f"{name}: the topic was deleted and created again (id {ident} is now {topic.ident})"
        elif topic.partitions != count:
            yield f"{name}: {count} partitions became {topic.partitions}"
    for target in plan.targets:
        yield from _moved(target, observed)


def _moved(target: Target, observed: Observed) -> Iterator[str]:
    name = f"{target.place[0]}:{target.place[1]}"
    ends = observed.ends.get(target.place)
    if ends is None:
        return
    yield from _commit_moved(target, observed.committed)
    if ends.latest < target.latest:
        yield f"{name}: its end ran backwards from {target.latest} to {ends.latest}: recreated or truncated"
    elif target.offset is not None and target.offset < ends.earliest:
        yield (
            f"{name}: retention moved: the target {target.offset} is gone, "
            f"{ends.earliest - target.offset} record(s) were lost since the plan"
        )


def commits_moved(plan: Plan, committed: Mapping[Place, Committed]) -> tuple[str, ...]:
    """Return which commits are no longer as `plan` saw them, as sentences."""
    return tuple(said for target in plan.targets for said in _commit_moved(target, committed))


def _commit_moved(target: Target, committed: Mapping[Place, Committed]) -> Iterator[str]:
    commit = committed.get(target.place)
    now = commit.offset if commit else None
    if now != target.before:
        yield f"{place_name(target.place)}: committed was {_word(target.before)}, is {_word(now)}"


def _word(offset: int | None) -> str:
    return "uncommitted" if offset is None else str(offset)


def plan_json(plan: Plan) -> dict[str, object]:
    """Return `plan` as it is written to a file and shown by `-o json`."""
    return {
        "schema": "ccops.kafka.plan/v1",
        "env": plan.env,
        "group": plan.group,
        "group_exists": plan.group_exists,
        "cluster": plan.cluster,
        "state": plan.state,
        "wish": plan.wish,
        "said": plan.said,
        "made_at": iso(plan.made_at),
        "valid_until": iso(plan.made_at + VALID),
        "fingerprint": plan.fingerprint,
        "changes": len(plan.moving),
        "read_again": plan.again,
        "skipped": plan.skipped,
        "allowed": {
            "clamp": plan.allowed.clamp,
            "no_match_end": plan.allowed.no_match_end,
            "create_group": plan.allowed.create_group,
            "any_name": plan.allowed.any_name,
        },
        "topics": {name: {"id": item[0], "partitions": item[1]} for name, item in plan.topics.items()},
        "notes": list(plan.notes),
        "targets": [target_json(target) for target in plan.targets],
    }


def target_json(target: Target) -> dict[str, object]:
    """Return one partition's move."""
    return {
        "topic": target.place[0],
        "partition": target.place[1],
        "before": target.before,
        "target": target.offset,
        "earliest": target.earliest,
        "latest": target.latest,
        "mark": target.mark.value,
        "lost": target.lost,
        "metadata": target.metadata,
    }


def wish_kind(plan: Plan) -> Kind:
    """Return the kind of wish that `plan` answers."""
    return Kind(plan.wish)


def place_name(place: Place) -> str:
    """Return `topic:partition`."""
    return f"{place[0]}:{place[1]}"
