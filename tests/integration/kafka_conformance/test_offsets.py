"""Committed offsets: kept, listed, altered from outside, refused while members are there."""

from __future__ import annotations

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition

from tests.integration.kafka_conformance.kit import WAIT_S, Cluster, an_hour_ago, read
from tests.kafka_kit import fresh, until


def _filled(cluster: Cluster, count: int = 10, partitions: int = 1) -> str:
    name, start = cluster.topic(partitions), an_hour_ago()
    for partition in range(partitions):
        cluster.produce(name, [start + n for n in range(count)], partition)
    return name


def _commit(cluster: Cluster, group: str, topic: str, offset: int, metadata: str = "") -> None:
    """Commit as a member would, then leave."""
    with cluster.consumer(group) as consumer:
        consumer.subscribe([topic])
        read(consumer, 1)
        place = TopicPartition(topic, 0, offset, metadata=metadata)
        consumer.commit(offsets=[place], asynchronous=False)


def _alter(cluster: Cluster, group: str, *places: TopicPartition) -> list[KafkaError | None]:
    asked = [ConsumerGroupTopicPartitions(group, list(places))]
    answer = cluster.admin.alter_consumer_group_offsets(asked)[group].result(WAIT_S)
    return [one.error for one in answer.topic_partitions]


def offsets(cluster: Cluster, group: str, *places: TopicPartition) -> dict[int, int]:
    asked = [ConsumerGroupTopicPartitions(group, list(places) or None)]
    answer = cluster.admin.list_consumer_group_offsets(asked)[group].result(WAIT_S)
    return {one.partition: one.offset for one in answer.topic_partitions}


def test_a_group_goes_on_where_it_committed(cluster: Cluster) -> None:
    name, group = _filled(cluster), fresh("resume")
    _commit(cluster, group, name, 6)

    with cluster.consumer(group) as consumer:
        consumer.subscribe([name])
        assert [one.offset() for one in read(consumer, 4)] == [6, 7, 8, 9]


def test_the_metadata_of_a_commit_is_kept(cluster: Cluster) -> None:
    name, group = _filled(cluster), fresh("meta")
    _commit(cluster, group, name, 2, metadata="run 7")

    with cluster.consumer(group) as consumer:
        (found,) = consumer.committed([TopicPartition(name, 0)], WAIT_S)

    assert (found.offset, found.metadata) == (2, "run 7")


def test_offsets_of_a_group_are_listed_all_and_some(cluster: Cluster) -> None:
    name, group = _filled(cluster, partitions=3), fresh("list")
    _alter(cluster, group, *(TopicPartition(name, n, n + 1) for n in range(3)))

    assert offsets(cluster, group) == {0: 1, 1: 2, 2: 3}
    assert offsets(cluster, group, TopicPartition(name, 1)) == {1: 2}


def test_a_partition_without_a_commit_has_no_offset(cluster: Cluster) -> None:
    name, group = _filled(cluster, partitions=2), fresh("half")
    _alter(cluster, group, TopicPartition(name, 0, 1))

    assert offsets(cluster, group, TopicPartition(name, 0), TopicPartition(name, 1)) == {0: 1, 1: -1001}


def test_an_empty_group_starts_where_its_offsets_were_set(cluster: Cluster) -> None:
    name, group = _filled(cluster), fresh("alter")
    _commit(cluster, group, name, 10)

    assert _alter(cluster, group, TopicPartition(name, 0, 3)) == [None]

    with cluster.consumer(group) as consumer:
        consumer.subscribe([name])
        assert read(consumer, 1)[0].offset() == 3


def test_altering_the_offsets_of_an_unknown_group_makes_it(cluster: Cluster) -> None:
    name, group = _filled(cluster), fresh("made")

    assert _alter(cluster, group, TopicPartition(name, 0, 3)) == [None]

    found = cluster.admin.list_consumer_groups().result(WAIT_S).valid
    assert [one.state.name for one in found if one.group_id == group] == ["EMPTY"]


def test_altering_the_offsets_of_an_active_group_is_refused_for_each_partition(cluster: Cluster) -> None:
    name, group = _filled(cluster), fresh("active")
    with cluster.consumer(group) as consumer:
        consumer.subscribe([name])
        read(consumer, 1)
        consumer.commit(offsets=[TopicPartition(name, 0, 5)], asynchronous=False)

        said = _alter(cluster, group, TopicPartition(name, 0, 1))

        assert [one.code() for one in said if one] == [KafkaError.UNKNOWN_MEMBER_ID]
        assert offsets(cluster, group) == {0: 5}


def test_an_active_group_can_not_be_deleted_an_empty_one_can(cluster: Cluster) -> None:
    name, group = _filled(cluster), fresh("delete")
    with cluster.consumer(group) as consumer:
        consumer.subscribe([name])
        read(consumer, 1)
        consumer.commit(asynchronous=False)
        with pytest.raises(KafkaException) as caught:
            cluster.admin.delete_consumer_groups([group])[group].result(WAIT_S)
        assert caught.value.args[0].code() == KafkaError.NON_EMPTY_GROUP

    assert until(lambda: _deleted(cluster, group))
    listed = cluster.admin.list_consumer_groups().result(WAIT_S).valid
    assert group not in [one.group_id for one in listed]


def _deleted(cluster: Cluster, group: str) -> bool:
    try:
        cluster.admin.delete_consumer_groups([group])[group].result(WAIT_S)
    except KafkaException as error:
        # The member has said good-bye; the broker may still be at it.
        if error.args[0].code() == KafkaError.NON_EMPTY_GROUP:
            return False
        raise
    return True


def test_deleting_an_unknown_group_says_so(cluster: Cluster) -> None:
    group = fresh("nobody")

    with pytest.raises(KafkaException) as caught:
        cluster.admin.delete_consumer_groups([group])[group].result(WAIT_S)

    assert caught.value.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND
