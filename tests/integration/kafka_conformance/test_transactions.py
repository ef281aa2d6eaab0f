"""Transactions: what read_committed sees, and where it says the end is."""

from __future__ import annotations

from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, Producer, TopicPartition
from confluent_kafka.admin import OffsetSpec

from tests.integration.kafka_conformance.kit import WAIT_S, Cluster, an_hour_ago, read
from tests.kafka_kit import fresh


def _transactional(cluster: Cluster) -> Producer:
    producer = Producer({"bootstrap.servers": cluster.broker.bootstrap, "transactional.id": fresh("tx")})
    producer.init_transactions(WAIT_S)
    return producer


def test_aborted_records_are_not_read_with_read_committed(cluster: Cluster) -> None:
    name, producer = cluster.topic(), _transactional(cluster)
    for word, commit in ((b"kept", True), (b"dropped", False), (b"last", True)):
        producer.begin_transaction()
        producer.produce(name, word, partition=0)
        producer.commit_transaction(WAIT_S) if commit else producer.abort_transaction(WAIT_S)

    with cluster.consumer(fresh("tx"), isolation_level="read_committed") as consumer:
        consumer.assign([TopicPartition(name, 0, 0)])
        assert [one.value() for one in read(consumer, 2)] == [b"kept", b"last"]
        assert read(consumer, 1, 0.5) == []


def test_offsets_sent_in_a_transaction_count_only_when_it_commits(cluster: Cluster) -> None:
    name, group, producer = cluster.topic(), fresh("txgroup"), _transactional(cluster)
    cluster.produce(name, [an_hour_ago()] * 5)
    with cluster.consumer(group) as consumer:
        consumer.subscribe([name])
        read(consumer, 5)
        for offset, commit in ((3, True), (5, False)):
            producer.begin_transaction()
            place = [TopicPartition(name, 0, offset)]
            producer.send_offsets_to_transaction(place, consumer.consumer_group_metadata(), WAIT_S)
            producer.commit_transaction(WAIT_S) if commit else producer.abort_transaction(WAIT_S)
        (found,) = consumer.committed([TopicPartition(name, 0)], WAIT_S)

    assert found.offset == 3


def test_the_end_with_read_committed_is_before_an_open_transaction(cluster: Cluster) -> None:
    name, producer = cluster.topic(), _transactional(cluster)
    cluster.produce(name, [an_hour_ago()] * 4)
    producer.begin_transaction()
    producer.produce(name, b"open", partition=0)
    assert producer.flush(WAIT_S) == 0
    place = TopicPartition(name, 0)

    def end(level: IsolationLevel) -> int:
        asked = cluster.admin.list_offsets({place: OffsetSpec.latest()}, isolation_level=level)
        found: int = asked[place].result(WAIT_S).offset
        return found

    try:
        assert end(IsolationLevel.READ_COMMITTED) == 4
        assert end(IsolationLevel.READ_UNCOMMITTED) == 5
    finally:
        producer.abort_transaction(WAIT_S)


def test_an_offset_in_an_open_transaction_is_told_to_whoever_asks_for_stable_ones(cluster: Cluster) -> None:
    name, group, producer = cluster.topic(), fresh("txgroup"), _transactional(cluster)
    cluster.produce(name, [an_hour_ago()] * 5)
    producer.begin_transaction()
    try:
        with cluster.consumer(group) as consumer:
            consumer.subscribe([name])
            read(consumer, 5)
            place = [TopicPartition(name, 0, 3)]
            producer.send_offsets_to_transaction(place, consumer.consumer_group_metadata(), WAIT_S)
        asked = [ConsumerGroupTopicPartitions(group, [TopicPartition(name, 0)])]
        answer = cluster.admin.list_consumer_group_offsets(asked, require_stable=True)[group].result(WAIT_S)
        (found,) = answer.topic_partitions
        assert found.error is not None
        assert found.error.name() == "UNSTABLE_OFFSET_COMMIT"
    finally:
        producer.abort_transaction(WAIT_S)
