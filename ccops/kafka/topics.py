"""Hold the topics of a cluster against the contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ccops.core.bundle import contract_folder, invalid, mapping, read_yaml
from ccops.core.profile import Profile
from ccops.kafka.broker import Broker
from ccops.kafka.naming import Misnamed, env_of, misnamed


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to say about one topic; `code` is empty when it is as declared."""

    topic: str
    partitions: int
    declared: int | None
    said: str
    code: str = ""
    severity: str = "error"
    next_step: str = ""


def declared_topics(profile: Profile) -> dict[str, int]:
    """Return topic -> partitions of the profile's contract. Raises UsageError when it has no such file."""
    folder, env = contract_folder(profile), env_of(profile)
    found: dict[str, int] = {}
    for name, item in read_yaml(folder, "topics.yml").items():
        count = mapping(item).get("partitions")
        if not isinstance(count, int):
            raise invalid(folder, "topics.yml", f"{name} has no number of partitions")
        found[str(name).replace("{env}", env)] = count
    return found


def check_topics(broker: Broker, profile: Profile) -> tuple[Verdict, ...]:
    """Return a verdict for every topic that is declared or there."""
    declared = declared_topics(profile)
    there = broker.topics(broker.topic_names())
    configs = broker.configs(sorted(there))
    return tuple(
        _verdict(name, declared.get(name), there[name].partitions if name in there else None, configs)
        for name in sorted(declared.keys() | there.keys())
    )


def _verdict(name: str, wanted: int | None, count: int | None, configs: dict[str, dict[str, str]]) -> Verdict:
    if count is None:
        missing = Verdict(name, 0, wanted, "is declared and does not exist", next_step="ccops up worker")
        return bad("KAFKA_TOPIC_MISSING", missing)
    if wanted is None:
        said = f"{count} partition(s), in no contract"
        stray = Verdict(name, count, None, said, severity="warning", next_step="declare it, or delete it")
        return bad("KAFKA_TOPIC_UNDECLARED", stray)
    if count != wanted:
        said = f"has {count} partition(s), {wanted} are declared"
        keys = "keys have moved to other partitions"
        why = keys if count > wanted else "partitions can be added, never removed"
        return bad("KAFKA_TOPIC_PARTITIONS", Verdict(name, count, wanted, said, next_step=why))
    return Verdict(name, count, wanted, f"{count} partition(s), {_keeping(configs.get(name, {}))}")


def bad(code: str, verdict: Verdict) -> Verdict:
    """Return `verdict` as a finding of `code`."""
    return replace(verdict, code=code)


def _keeping(config: dict[str, str]) -> str:
    text = config.get("retention.ms", "")
    if text == "-1":
        return "kept for ever"
    return f"kept {int(text) / 86_400_000:g} days" if text.isdecimal() else "retention unknown"


def check_names(broker: Broker, profile: Profile) -> tuple[int, tuple[Misnamed, ...]]:
    """Return how many names were looked at, and those that break the standard."""
    env, topics, groups = env_of(profile), broker.topic_names(), sorted(broker.groups())
    wrong = (*misnamed("topic", topics, env), *misnamed("group", groups, env))
    return len(topics) + len(groups), wrong


def every_group(broker: Broker) -> Iterator[str]:
    """Yield the names of all groups in order."""
    yield from sorted(broker.groups())
