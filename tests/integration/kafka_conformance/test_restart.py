"""What is left after the broker went away: politely, and by kill -9."""

from __future__ import annotations

import os
import signal

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from tests.integration.kafka_conformance.kit import WAIT_S, Cluster, admin_of, an_hour_ago
from tests.kafka_kit import Broker, fresh, until

_BACK_S = 60.0


def _kept(cluster: Cluster, topic: str, group: str, start: int) -> tuple[int, int, int]:
    """Return the end, the offset of a moment, and the committed offset."""
    place = TopicPartition(topic, 0)
    asked = [ConsumerGroupTopicPartitions(group, [place])]
    (committed,) = cluster.admin.list_consumer_group_offsets(asked)[group].result(WAIT_S).topic_partitions
    moment = cluster.offset(topic, OffsetSpec.for_timestamp(start + 70))
    return cluster.offset(topic, OffsetSpec.latest()), moment, committed.offset


def _written(cluster: Cluster) -> tuple[str, str, int]:
    topic, group, start = cluster.topic(), fresh("kept"), an_hour_ago()
    cluster.produce(topic, [start + n for n in range(100)])
    asked = [ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 42)])]
    altered = cluster.admin.alter_consumer_group_offsets(asked)[group].result(WAIT_S)
    assert [one.error for one in altered.topic_partitions] == [None]
    return topic, group, start


def _again(broker: Broker, before: int) -> Cluster:
    """Return the cluster when its broker is back as another process, groups included."""
    assert until(lambda: broker.pid() not in (0, before), _BACK_S)
    cluster = Cluster(broker, admin_of(broker))

    def answers() -> bool:
        try:
            cluster.admin.list_topics(timeout=2)
            # The coordinator of groups comes back a moment after the broker.
            return not cluster.admin.list_consumer_groups().result(5).errors
        except (KafkaException, TimeoutError):
            return False

    assert until(answers, _BACK_S)
    return cluster


@pytest.mark.slow
def test_records_offsets_and_times_survive_a_restart(cluster: Cluster) -> None:
    topic, group, start = _written(cluster)
    pid = cluster.broker.pid()

    done = cluster.broker.ccops("restart", "kafka")

    assert done.code == 0, done.err
    assert _kept(_again(cluster.broker, pid), topic, group, start) == (100, 70, 42)


@pytest.mark.slow
@pytest.mark.fault
def test_what_was_acknowledged_survives_a_kill_at_once(cluster: Cluster) -> None:
    topic, group, start = _written(cluster)
    pid = cluster.broker.pid()

    os.kill(pid, signal.SIGKILL)

    assert _kept(_again(cluster.broker, pid), topic, group, start) == (100, 70, 42)
