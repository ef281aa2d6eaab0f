"""A picture of the cluster in Prometheus' text format: names and labels of kafka_exporter 1.9.0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from ccops.stack.kafka_exporter.cluster import Group, Partition, Picture, Place

_PARTITION = ("topic", "partition")
_GROUP = ("consumergroup", "topic", "partition")
# Every metric, with the label names that it carries. The order is the one of the page.
METRICS: dict[str, tuple[tuple[str, ...], str]] = {
    "kafka_brokers": ((), "Number of Brokers in the Kafka Cluster."),
    "kafka_broker_info": (("id", "address"), "Information about the Kafka Broker."),
    "kafka_topic_partitions": (("topic",), "Number of partitions for this Topic"),
    "kafka_topic_partition_current_offset": (_PARTITION, "Current Offset of a Broker at Topic/Partition"),
    "kafka_topic_partition_oldest_offset": (_PARTITION, "Oldest Offset of a Broker at Topic/Partition"),
    "kafka_topic_partition_leader": (_PARTITION, "Leader Broker ID of this Topic/Partition"),
    "kafka_topic_partition_replicas": (_PARTITION, "Number of Replicas for this Topic/Partition"),
    "kafka_topic_partition_in_sync_replica": (
        _PARTITION,
        "Number of In-Sync Replicas for this Topic/Partition",
    ),
    "kafka_topic_partition_leader_is_preferred": (
        _PARTITION,
        "1 if Topic/Partition is using the Preferred Broker",
    ),
    "kafka_topic_partition_under_replicated_partition": (
        _PARTITION,
        "1 if Topic/Partition is under Replicated",
    ),
    "kafka_consumergroup_members": (("consumergroup",), "Amount of members in a consumer group"),
    "kafka_consumergroup_current_offset": (_GROUP, "Current Offset of a ConsumerGroup at Topic/Partition"),
    "kafka_consumergroup_current_offset_sum": (
        _GROUP[:2],
        "Current Offset of a ConsumerGroup at Topic for all partitions",
    ),
    "kafka_consumergroup_lag": (_GROUP, "Current Approximate Lag of a ConsumerGroup at Topic/Partition"),
    "kafka_consumergroup_lag_sum": (
        _GROUP[:2],
        "Current Approximate Lag of a ConsumerGroup at Topic for all partitions",
    ),
}


def page(picture: Picture) -> str:
    """Return the page of `/metrics`."""
    samples: dict[str, list[tuple[tuple[object, ...], int]]] = {name: [] for name in METRICS}
    for name, values, number in _all(picture):
        samples[name].append((values, number))
    return "".join(_block(name, rows) for name, rows in samples.items() if rows)


def _all(picture: Picture) -> Iterator[tuple[str, tuple[object, ...], int]]:
    yield "kafka_brokers", (), len(picture.brokers)
    for ident, address in picture.brokers.items():
        yield "kafka_broker_info", (ident, address), 1
    for topic, places in groupby(picture.partitions, key=lambda place: place[0]):
        yield "kafka_topic_partitions", (topic,), sum(1 for _ in places)
    for place, at in picture.partitions.items():
        for name, number in _of_partition(at):
            yield f"kafka_topic_partition_{name}", place, number
    for group in picture.groups:
        yield from _of_group(group, picture.partitions)


def _of_partition(at: Partition) -> Iterator[tuple[str, int]]:
    yield "current_offset", at.current
    yield "oldest_offset", at.oldest
    yield "leader", at.leader
    yield "replicas", len(at.replicas)
    yield "in_sync_replica", len(at.in_sync)
    yield "leader_is_preferred", int(at.replicas[:1] == (at.leader,))
    yield "under_replicated_partition", int(len(at.in_sync) < len(at.replicas))


def _of_group(
    group: Group, partitions: Mapping[Place, Partition]
) -> Iterator[tuple[str, tuple[object, ...], int]]:
    yield "kafka_consumergroup_members", (group.name,), group.members
    commits: dict[str, int] = {}
    lags: dict[str, int] = {}
    for place, lag in group.lags(partitions).items():
        commit = group.commits.get(place, 0)
        yield "kafka_consumergroup_current_offset", (group.name, *place), commit
        yield "kafka_consumergroup_lag", (group.name, *place), lag
        commits[place[0]] = commits.get(place[0], 0) + commit
        lags[place[0]] = lags.get(place[0], 0) + lag
    for topic, total in commits.items():
        yield "kafka_consumergroup_current_offset_sum", (group.name, topic), total
        yield "kafka_consumergroup_lag_sum", (group.name, topic), lags[topic]


def _block(name: str, rows: Iterable[tuple[tuple[object, ...], int]]) -> str:
    labels, told = METRICS[name]
    lines = [f"# HELP {name} {told}\n", f"# TYPE {name} gauge\n"]
    for values, number in rows:
        inside = ",".join(
            f'{label}="{_escaped(str(value))}"' for label, value in zip(labels, values, strict=True)
        )
        lines.append(f"{name}{{{inside}}} {number}\n" if inside else f"{name} {number}\n")
    return "".join(lines)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
