"""Read one Kafka record where PostgreSQL says it is."""

from __future__ import annotations

from ccops.clients.kafka import open_consumer
from ccops.smoke.probes.base import Observation


def read_record(bootstrap: str, topic: str, partition: int, offset: int) -> Observation | None:
    """Return the record at `topic:partition:offset`, or None when the broker no longer has it. Blocks.

    Raises Unreachable when no broker answers.
    """
    from confluent_kafka import TopicPartition

    from ccops.smoke.watchers_kafka import record

    with open_consumer(bootstrap) as consumer:
        place = TopicPartition(topic, partition, offset)
        low, high = consumer.get_watermark_offsets(place, timeout=5.0, cached=False)
        if not low <= offset < high:
            return None
        consumer.assign([place])
        message = consumer.poll(5.0)
        if message is None or message.error() or message.offset() != offset:
            return None
        return record(message)
