"""Records that can't be ingested: kept in cc.ops.dlq as they were, with the reason in the headers."""

from __future__ import annotations

import logging

from confluent_kafka import KafkaError, KafkaException, Message

from ccops.backend import kafka_client, metrics
from ccops.backend.core.config import settings

log = logging.getLogger("ccops.backend.olap")
_FLUSH_S = 10.0


def give_up(message: Message, group: str, error: str, tries: int) -> None:
    """Send the record to the dead letter topic and wait for the acknowledgement; raises KafkaException."""
    outcome: list[KafkaError | None] = []
    headers = dict(message.headers() or [])
    reason = {
        "error": error,
        "tries": str(tries),
        "group": group,
        "source": f"{message.topic()}/{message.partition()}/{message.offset()}",
    }
    # Poison is rare: a producer for one record needs no care in the good case.
    producer = kafka_client.producer(lambda problem: log.debug("dead letters: %s", problem))
    producer.produce(
        settings.topic("ops.dlq"),
        value=message.value(),
        key=message.key(),
        headers=[*headers.items(), *((name, value.encode()) for name, value in reason.items())],
        on_delivery=lambda problem, _: outcome.append(problem),
    )
    producer.flush(_FLUSH_S)
    if not outcome or outcome[0] is not None:
        raise KafkaException(outcome[0] if outcome else KafkaError(KafkaError._TIMED_OUT))
    metrics.kafka_dlq.labels(message.topic() or "").inc()
    log.error("%s: gave up %s: %s", group, reason["source"], error)
