"""Records as they were written: stamps, keys, headers, codecs, order; and what is gone is said to be gone."""

from __future__ import annotations

import json
import os
import time

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import OffsetSpec

from ccops.backend.kafka_client import FETCHING
from tests.integration.kafka_conformance.kit import WAIT_S, Cluster, an_hour_ago, read
from tests.kafka_kit import fresh, until


def _from(cluster: Cluster, consumer: Consumer, topic: str, offset: int = 0) -> Consumer:
    consumer.assign([TopicPartition(topic, 0, offset)])
    return consumer


def test_stamp_key_value_and_headers_come_back(cluster: Cluster) -> None:
    name, stamp = cluster.topic(), an_hour_ago()
    producer = Producer({"bootstrap.servers": cluster.broker.bootstrap})
    producer.produce(name, b"v", b"k", timestamp=stamp, headers=[("trace_id", b"7"), ("empty", None)])
    assert producer.flush(WAIT_S) == 0

    with cluster.consumer(fresh("read")) as consumer:
        (found,) = read(_from(cluster, consumer, name), 1)

    assert (found.key(), found.value(), found.timestamp()[1]) == (b"k", b"v", stamp)
    assert found.headers() == [("trace_id", b"7"), ("empty", None)]


def test_an_idempotent_producer_writes_each_record_once_and_in_order(cluster: Cluster) -> None:
    name, start = cluster.topic(), an_hour_ago()

    cluster.produce(name, [start + n for n in range(500)], config={"enable.idempotence": "true"})

    with cluster.consumer(fresh("read")) as consumer:
        found = read(_from(cluster, consumer, name), 500)
    assert [one.timestamp()[1] - start for one in found] == list(range(500))


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_a_compressed_batch_is_read_back(cluster: Cluster, codec: str) -> None:
    name, start = cluster.topic(), an_hour_ago()

    cluster.produce(name, [start] * 100, config={"compression.codec": codec}, value=b"same" * 50)

    with cluster.consumer(fresh("read")) as consumer:
        found = read(_from(cluster, consumer, name), 100)
    assert {one.value() for one in found} == {b"same" * 50}
    assert len(found) == 100


def test_fifty_thousand_records_arrive(cluster: Cluster) -> None:
    name, start = cluster.topic(partitions=3), an_hour_ago()
    producer = Producer({"bootstrap.servers": cluster.broker.bootstrap, "linger.ms": 20})
    for number in range(50_000):
        producer.produce(name, b"y" * 200, partition=number % 3, timestamp=start)
        if number % 5000 == 0:
            producer.poll(0)
    assert producer.flush(WAIT_S) == 0

    with cluster.consumer(fresh("bulk")) as consumer:
        consumer.assign([TopicPartition(name, n, 0) for n in range(3)])
        found = read(consumer, 50_000, 40)

    assert len({(one.partition(), one.offset()) for one in found}) == 50_000


def test_one_record_at_a_time_is_acknowledged_quickly(cluster: Cluster) -> None:
    name = cluster.topic()
    producer = Producer({"bootstrap.servers": cluster.broker.bootstrap, "linger.ms": 0})
    took = []
    for _ in range(30):
        began = time.monotonic()
        producer.produce(name, b"1")
        assert producer.flush(WAIT_S) == 0
        took.append(time.monotonic() - began)

    # Generous: it must be a round trip, not a polling interval of somebody.
    assert sorted(took)[15] < 0.5


def test_deleted_records_move_the_low_watermark(cluster: Cluster) -> None:
    name, start = cluster.topic(), an_hour_ago()
    cluster.produce(name, [start + n for n in range(10)])
    place = TopicPartition(name, 0, 4)

    deleted = cluster.admin.delete_records([place])[place].result(WAIT_S)

    assert deleted.low_watermark == 4
    assert until(lambda: cluster.offset(name, OffsetSpec.earliest()) == 4)
    assert cluster.offset(name, OffsetSpec.latest()) == 10


def test_an_offset_out_of_range_is_reported(cluster: Cluster) -> None:
    name = cluster.topic()
    cluster.produce(name, [an_hour_ago()])

    with cluster.consumer(fresh("range"), auto_offset_reset="error") as consumer:
        _from(cluster, consumer, name, 99)
        said: list[int] = []

        def reported() -> bool:
            message = consumer.poll(0.2)
            if message is not None and message.error() is not None:
                said.append(message.error().code())
            return bool(said)

        assert until(reported)
    assert said[0] in {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}


def _fetched_ahead(cluster: Cluster, name: str, **limits: object) -> int:
    """Return the bytes that came over the wire for a reader that rests after its first record."""
    got = 0

    def counted(text: str) -> None:
        nonlocal got
        got = max(broker["rxbytes"] for broker in json.loads(text)["brokers"].values())

    options = limits | {"statistics.interval.ms": 50, "stats_cb": counted}
    with cluster.consumer(fresh("read"), **options) as consumer:
        assert len(read(_from(cluster, consumer, name), 1)) == 1
        consumer.pause([TopicPartition(name, 0)])
        end = time.monotonic() + 1
        while time.monotonic() < end:
            assert consumer.poll(0.1) is None
    return got


def test_an_answer_to_a_fetch_keeps_to_its_limit(cluster: Cluster) -> None:
    name = cluster.topic()
    cluster.produce(name, [an_hour_ago()] * 2_000, value=os.urandom(8_000))

    got = _fetched_ahead(cluster, name, max_partition_fetch_bytes=200_000, queued_min_messages=1)

    assert 8_000 < got < 2_000_000


def test_a_backlog_of_records_much_alike_stays_in_the_broker(cluster: Cluster) -> None:
    """Our ingester's limits. A broker counts what is compressed, and a client keeps what is unpacked."""
    name = cluster.topic()
    codec = {"compression.codec": "lz4"}
    cluster.produce(name, [an_hour_ago()] * 16_000, value=b"x" * 8_000, config=codec)  # 128 MB, 1 MB packed

    assert 8_000 < _fetched_ahead(cluster, name, **FETCHING) < 300_000
