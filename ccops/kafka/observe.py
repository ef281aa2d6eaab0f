"""Read a group and its topics in the order in which no difference can become negative."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ccops.core.errors import CcopsError, ExitCode, Refused, UsageError
from ccops.kafka.broker import Broker
from ccops.kafka.model import Committed, Ends, Found, Group, Observed, Place, Topic

_LONGEST_NAME = 300


@dataclass(frozen=True, slots=True)
class Scope:
    """Which partitions a command is about; no partitions named: all of the topic."""

    topics: Mapping[str, frozenset[int]]
    every: bool = False


def scope_of(topics: Sequence[str], every: bool = False) -> Scope:
    """Return the scope of `--topic NAME[:0,2-4]` options. Raises UsageError for a malformed one."""
    found: dict[str, frozenset[int]] = {}
    for text in topics:
        name, colon, parts = text.partition(":")
        numbers = _numbers(text, parts) if colon else frozenset[int]()
        if not name or (name in found and not (found[name] and numbers)):
            raise _bad_topic(text, "a topic is named once, or each time with partitions")
        found[name] = found.get(name, frozenset()) | numbers
    if every == bool(found):
        raise UsageError(
            "KAFKA_SCOPE_MISSING",
            "say which topics: some, or all, not both",
            evidence=f"--all-topics: {'yes' if every else 'no'}, --topic: {', '.join(topics) or 'none'}",
            next_step="--topic NAME, --topic NAME:0,2 or --all-topics",
        )
    return Scope(found, every)


def _numbers(text: str, parts: str) -> frozenset[int]:
    found: set[int] = set()
    for part in parts.split(","):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(first) > 6 or len(last) > 6:
            raise _bad_topic(text, f"{part!r} is no partition and no range of them")
        found |= set(range(int(first), int(last or first) + 1))
    if not found:
        raise _bad_topic(text, "the range is empty")
    return frozenset(found)


def _bad_topic(text: str, why: str) -> UsageError:
    return UsageError(
        "KAFKA_TOPIC_INVALID",
        f"--topic {text} can't be understood",
        evidence=why,
        next_step="for example --topic cc.actions.events.dev or --topic cc.actions.events.dev:0,2-4",
    )


def places_of(scope: Scope, topics: Mapping[str, Topic]) -> list[Place]:
    """Return the partitions of `scope`. Raises Refused for a topic or partition that does not exist."""
    found: list[Place] = []
    for name, numbers in scope.topics.items():
        topic = topics.get(name)
        if topic is None:
            raise Refused(
                "KAFKA_TOPIC_UNKNOWN",
                f"there is no topic {name}",
                evidence="the cluster does not know it, and nothing is created by asking",
                next_step="ccops kafka topics check    lists the topics",
            )
        if wrong := sorted(number for number in numbers if number >= topic.partitions):
            raise Refused(
                "KAFKA_PARTITION_UNKNOWN",
                f"{name} has no partition {wrong[0]}",
                evidence=f"it has {topic.partitions}: 0 to {topic.partitions - 1}",
                next_step=f"--topic {name}    takes them all",
            )
        found += [(name, number) for number in (sorted(numbers) or range(topic.partitions))]
    return found


def observe(
    broker: Broker, group: Group, scope: Scope, *, uncommitted: bool = False
) -> tuple[Observed, list[dict[Place, Found]]]:
    """Return `observe_with` without a further question."""
    return observe_with(broker, group, scope, (), uncommitted=uncommitted)


def observe_with(
    broker: Broker,
    group: Group,
    scope: Scope,
    times_ms: Sequence[int],
    *,
    uncommitted: bool = False,
    stable: bool = False,
) -> tuple[Observed, list[dict[Place, Found]]]:
    """Return what `group` has committed and, read afterwards, the ends; and the look-ups by time.

    `stable`: raise Refused while a transaction has yet to decide about one of the group's offsets.

    Committed offsets come first: read later they could be ahead of an end that is already old, and a lag
    would be negative though nothing is wrong.
    """
    from confluent_kafka.admin._listoffsets import OffsetSpec

    committed = broker.committed(group.name, stable=stable)
    if scope.every:
        scope = Scope(dict.fromkeys(sorted({topic for topic, _ in committed}), frozenset()), every=True)
    topics = broker.topics(list(scope.topics))
    if scope.every:  # a topic that is gone can't be reset, and must not stop the others
        scope = Scope({name: parts for name, parts in scope.topics.items() if name in topics}, every=True)
    places = places_of(scope, topics)
    specs = [OffsetSpec.for_timestamp(moment) for moment in times_ms]
    first, last = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]
    early, late, *found = broker.find(places, first, last, *specs, uncommitted=uncommitted)
    mine: dict[Place, Committed] = {place: committed[place] for place in places if place in committed}
    # Who reads uncommitted records may have committed inside an open transaction: that is not ahead.
    inside = [place for place, item in mine.items() if item.offset > late[place].offset]
    if inside and not uncommitted:
        for place, end in broker.find(inside, last, uncommitted=True)[0].items():
            if mine[place].offset <= end.offset:
                late[place] = Found(mine[place].offset)
    ends = {place: Ends(early[place].offset, late[place].offset) for place in places}
    cluster = broker.cluster()
    return Observed(cluster, group, topics, mine, ends), found


def known_groups(broker: Broker, names: Sequence[str]) -> dict[str, Group]:
    """Return the groups of `names`. Raises CcopsError (exit 1) for one nobody has ever used."""
    found = broker.describe(names)
    if absent := [name for name in names if not found[name].exists]:
        raise unknown_group(broker, absent[0], ExitCode.NEGATIVE)
    return found


def unknown_group(broker: Broker, name: str, code: ExitCode = ExitCode.REFUSED) -> CcopsError:
    """Return the error for a group that does not exist, with the nearest names that do."""
    import difflib

    known = sorted(broker.groups())
    short = name if len(name) <= _LONGEST_NAME else f"{name[:60]}..."  # comparing takes squares of the length
    near = difflib.get_close_matches(short, known, n=3, cutoff=0.5)
    return CcopsError(
        "KAFKA_GROUP_UNKNOWN",
        f"there is no consumer group {short}",
        evidence=f"near it: {', '.join(near)}"
        if near
        else f"the cluster has {len(known)} groups, none like it",
        next_step=f"--group {near[0]}" if near else "ccops kafka groups    lists them",
        exit_code=code,
    )
