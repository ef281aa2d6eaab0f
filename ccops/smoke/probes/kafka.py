"""Read Kafka records where PostgreSQL says they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ccops.clients.kafka import open_consumer
from ccops.smoke.probes.base import Observation

if TYPE_CHECKING:
    from confluent_kafka import Consumer

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
