"""Open a Kafka consumer that only looks: it is given partitions and never joins or commits."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ccops.clients.guard import translated

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Producer

ASSIGNED: Mapping[str, object] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    # An emulation may answer with all it has; above the limit the client would stall for ever.
    "receive.message.max.bytes": 1_073_741_824,
    "log_level": 0,
}
"""Options of a consumer that is given its partitions: it never joins, and commits only when told."""


def errors() -> tuple[type[Exception], ...]:
    """Return what confluent_kafka raises."""
    from confluent_kafka import KafkaException

    return (KafkaException,)


@contextmanager
def open_consumer(
    bootstrap: str, *, timeout: float = 5.0, on_error: Callable[[KafkaError], None] | None = None
) -> Iterator[Consumer]:
    """Yield a consumer for `assign()` only, after the broker has answered a metadata request.

    librdkafka wants a group id; a random one without subscribe and commit never appears on the broker.
    Raises Unreachable when no broker answers within `timeout`.
    """
    from confluent_kafka import Consumer

    with translated("kafka", bootstrap, errors()):
        consumer = Consumer(
            {
                **ASSIGNED,
                "bootstrap.servers": bootstrap,
                "group.id": f"ccops-observer-{uuid.uuid4().hex}",
                "fetch.wait.max.ms": 50,
                "socket.timeout.ms": int(max(timeout, 1.0) * 1000),
                "error_cb": on_error or (lambda error: None),
            }
        )
        try:
            consumer.list_topics(timeout=timeout)
            yield consumer
        finally:
            consumer.close()


@contextmanager
def open_producer(bootstrap: str, *, timeout: float = 5.0) -> Iterator[Producer]:
    """Yield an idempotent producer, flushed at the end. Raises Unreachable when no broker answers."""
    from confluent_kafka import Producer

    with translated("kafka", bootstrap, errors()):
        producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "message.timeout.ms": int(timeout * 1000),
                "log_level": 0,
            }
        )
        producer.list_topics(timeout=timeout)
        yield producer
        producer.flush(timeout)
