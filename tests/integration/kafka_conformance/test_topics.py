"""Topics as Apache Kafka has them: made once, grown, configured, deleted."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from tests.integration.kafka_conformance.kit import WAIT_S, Cluster, an_hour_ago, read
from tests.kafka_kit import fresh, until


def test_a_topic_is_listed_with_its_partitions_and_a_duplicate_is_refused(cluster: Cluster) -> None:
    name = cluster.topic(partitions=3)

    assert sorted(cluster.admin.list_topics(timeout=WAIT_S).topics[name].partitions) == [0, 1, 2]
    with pytest.raises(KafkaException) as caught:
        cluster.admin.create_topics([NewTopic(name, 1, 1)])[name].result(WAIT_S)
    assert caught.value.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS


def _config(cluster: Cluster, name: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, name)
    found = cluster.admin.describe_configs([resource])[resource].result(WAIT_S)
    return {key: entry.value for key, entry in found.items()}


def test_the_configuration_of_a_topic_is_kept_and_altered_key_by_key(cluster: Cluster) -> None:
    name = cluster.topic(config={"retention.ms": "86400000", "cleanup.policy": "delete"})
    assert _config(cluster, name)["retention.ms"] == "86400000"

    longer = ConfigEntry("retention.ms", "90000000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[longer])
    cluster.admin.incremental_alter_configs([resource])[resource].result(WAIT_S)

    assert until(lambda: _config(cluster, name)["retention.ms"] == "90000000")
    assert _config(cluster, name)["cleanup.policy"] == "delete"


def test_a_topic_grows(cluster: Cluster) -> None:
    name = cluster.topic(partitions=2)

    cluster.admin.create_partitions([NewPartitions(name, 5)])[name].result(WAIT_S)

    assert until(lambda: len(cluster.admin.list_topics(name, timeout=WAIT_S).topics[name].partitions) == 5)
    cluster.produce(name, [an_hour_ago()], partition=4)
    assert cluster.offset(name, OffsetSpec.latest(), 4) == 1


def test_a_deleted_topic_is_gone(cluster: Cluster) -> None:
    name = cluster.topic()

    cluster.admin.delete_topics([name])[name].result(WAIT_S)

    assert until(lambda: name not in cluster.admin.list_topics(timeout=WAIT_S).topics)


def test_a_topic_made_again_has_another_identity(cluster: Cluster) -> None:
    from confluent_kafka import TopicCollection

    def identity() -> str:
        found = cluster.admin.describe_topics(TopicCollection([name]))[name].result(WAIT_S)
        return str(found.topic_id)

    name = cluster.topic()
    before = identity()
    cluster.admin.delete_topics([name])[name].result(WAIT_S)
    assert until(lambda: name not in cluster.admin.list_topics(timeout=WAIT_S).topics)
    cluster.admin.create_topics([NewTopic(name, 1, 1)])[name].result(WAIT_S)

    assert until(lambda: name in cluster.admin.list_topics(timeout=WAIT_S).topics)
    assert identity() != before


def test_writing_makes_a_topic_that_was_not_there(cluster: Cluster) -> None:
    name = fresh("unmade")

    cluster.produce(name, [an_hour_ago()])

    assert cluster.offset(name, OffsetSpec.latest()) == 1


def test_the_cluster_says_who_it_is(cluster: Cluster) -> None:
    found = cluster.admin.describe_cluster().result(WAIT_S)

    assert found.cluster_id
    nodes = [f"{node.host}:{node.port}" for node in found.nodes]
    # Of somebody else's cluster only some brokers are named, perhaps by another name.
    assert nodes == [cluster.broker.bootstrap] if cluster.broker.ours else nodes


def test_two_hundred_partitions_work_end_to_end(cluster: Cluster) -> None:
    name, start, group = cluster.topic(partitions=200), an_hour_ago(), fresh("wide")
    for partition in range(0, 200, 20):
        cluster.produce(name, [start + n for n in range(5)], partition)
    places = [TopicPartition(name, n) for n in range(200)]

    ends = cluster.admin.list_offsets({one: OffsetSpec.latest() for one in places})
    from_third = cluster.admin.list_offsets({one: OffsetSpec.for_timestamp(start + 2) for one in places})

    assert sum(one.result(WAIT_S).offset for one in ends.values()) == 50
    assert {from_third[TopicPartition(name, n)].result(WAIT_S).offset for n in range(0, 200, 20)} == {2}
    assert {from_third[TopicPartition(name, n)].result(WAIT_S).offset for n in range(1, 200, 20)} == {-1}
    with cluster.consumer(group) as consumer:
        consumer.subscribe([name])
        assert len(read(consumer, 50)) == 50
