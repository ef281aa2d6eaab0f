"""Offsets by time: what `ccops kafka reset --to-datetime` stands on."""

from __future__ import annotations

from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec

from tests.integration.kafka_conformance.kit import WAIT_S, Cluster, an_hour_ago
from tests.kafka_kit import fresh

_TEN_S = 10_000


def test_earliest_latest_a_moment_and_the_greatest_stamp_are_found(cluster: Cluster) -> None:
    name, start = cluster.topic(), an_hour_ago()
    cluster.produce(name, [start + n * _TEN_S for n in range(100)])

    assert cluster.offset(name, OffsetSpec.earliest()) == 0
    assert cluster.offset(name, OffsetSpec.latest()) == 100
    assert cluster.offset(name, OffsetSpec.for_timestamp(start + 50 * _TEN_S)) == 50
    assert cluster.offset(name, OffsetSpec.for_timestamp(start + 49 * _TEN_S + 1)) == 50
    assert cluster.offset(name, OffsetSpec.max_timestamp()) == 99


def test_a_moment_after_the_last_record_has_no_offset(cluster: Cluster) -> None:
    name, start = cluster.topic(), an_hour_ago()
    cluster.produce(name, [start, start + 1])

    assert cluster.offset(name, OffsetSpec.for_timestamp(start + 2)) == -1


def test_a_moment_before_the_first_record_is_the_first_record(cluster: Cluster) -> None:
    name, start = cluster.topic(), an_hour_ago()
    cluster.produce(name, [start, start + 1])

    assert cluster.offset(name, OffsetSpec.for_timestamp(start - _TEN_S)) == 0


def test_a_consumer_finds_the_same_offset_for_a_moment(cluster: Cluster) -> None:
    name, start = cluster.topic(), an_hour_ago()
    cluster.produce(name, [start + n * _TEN_S for n in range(20)])

    with cluster.consumer(fresh("times")) as consumer:
        (found,) = consumer.offsets_for_times([TopicPartition(name, 0, start + 7 * _TEN_S)], WAIT_S)

    assert found.offset == 7


def test_a_moment_inside_one_compressed_batch_is_found_exactly(cluster: Cluster) -> None:
    name, start = cluster.topic(), an_hour_ago()
    whole = {"compression.codec": "lz4", "linger.ms": 500, "batch.num.messages": 1000}
    cluster.produce(name, [start + n for n in range(1000)], config=whole)

    assert cluster.offset(name, OffsetSpec.for_timestamp(start + 617)) == 617


def test_of_records_out_of_order_the_first_in_the_log_is_found(cluster: Cluster) -> None:
    name, start = cluster.topic(), an_hour_ago()
    steps = (0, 1, 2, 9, 3, 4, 8)
    for step in steps:
        cluster.produce(name, [start + step * _TEN_S])

    assert cluster.offset(name, OffsetSpec.for_timestamp(start + 5 * _TEN_S)) == 3


def test_a_moment_before_the_low_watermark_is_the_low_watermark(cluster: Cluster) -> None:
    name, start = cluster.topic(), an_hour_ago()
    cluster.produce(name, [start + n * _TEN_S for n in range(10)])
    place = TopicPartition(name, 0, 6)
    cluster.admin.delete_records([place])[place].result(WAIT_S)

    assert cluster.offset(name, OffsetSpec.for_timestamp(start)) == 6
