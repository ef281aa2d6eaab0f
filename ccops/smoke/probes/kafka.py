"""Read Kafka records where PostgreSQL says they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ccops.clients.kafka import open_consumer
from ccops.smoke.probes.base import Observation

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

_WRITE_S = 5.0
Position = tuple[str, int, int]  # topic, partition, offset


def read_records(bootstrap: str, positions: Iterable[Position]) -> Mapping[Position, Observation | None]:
    """Return the record at each position, None where the broker no longer has one. Blocks.

    Raises Unreachable when no broker answers.
    """
    with open_consumer(bootstrap) as consumer:
        return {position: _read(consumer, position) for position in positions}


def read_record(bootstrap: str, topic: str, partition: int, offset: int) -> Observation | None:
    """Return the record at `topic:partition:offset`, or None. Blocks; raises Unreachable."""
    position = (topic, partition, offset)
    return read_records(bootstrap, [position])[position]


def write_record(
    bootstrap: str, topic: str, value: bytes, key: bytes, headers: Mapping[str, str]
) -> dict[str, object]:
    """Write one record and return where it lies. Blocks; raises Unreachable when nobody takes it."""
    from confluent_kafka import KafkaException

    from ccops.clients.kafka import open_producer

    places: list[dict[str, object]] = []

    def delivered(error: object, message: Message) -> None:
        if error is None:
            places.append({"topic": topic, "partition": message.partition(), "offset": message.offset()})

    with open_producer(bootstrap) as producer:
        wire: list[tuple[str, str | bytes | None]] = [(name, text.encode()) for name, text in headers.items()]
        producer.produce(topic, value, key=key or None, headers=wire, on_delivery=delivered)
        producer.flush(_WRITE_S)
        if not places:
            raise KafkaException(f"{topic} did not take the record within {_WRITE_S:g} s")
    return places[0]


def _read(consumer: Consumer, position: Position) -> Observation | None:
    from confluent_kafka import TopicPartition

    from ccops.smoke.watchers_kafka import record

    place = TopicPartition(*position)
    low, high = consumer.get_watermark_offsets(place, timeout=5.0, cached=False)
    if not low <= position[2] < high:
        return None
    consumer.assign([place])
    message = consumer.poll(5.0)
    if message is None or message.error() or message.offset() != position[2]:
        return None
    return record(message)
