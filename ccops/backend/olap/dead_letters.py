"""Records that can't be ingested: kept in cc.ops.dlq as they were, with the reason in the headers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message

from ccops.backend import kafka_client, metrics
from ccops.backend.core.config import settings

log = logging.getLogger("ccops.backend.olap")
_FLUSH_S = 10.0
# A poisoned topic is one line a batch with its first records, not a line a record.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Loss:
    """A record that nobody could ingest, and why."""

    message: Message
    error: str

    @property
    def source(self) -> str:
        """Return topic/partition/offset."""
        return f"{self.message.topic()}/{self.message.partition()}/{self.message.offset()}"


def give_up(losses: Sequence[Loss], group: str, tries: int) -> None:
    """Send the records to the dead letter topic and wait for all acknowledgements; raises KafkaException.

    One producer a batch: opening one takes half a second, and a batch full of poison must be over long
    before the group takes our partitions away.
    """
    if not losses:
        return
    outcomes: list[KafkaError | None] = []
    producer = kafka_client.producer(lambda problem: log.debug("dead letters: %s", problem))
    for loss in losses:
        headers = {**dict(loss.message.headers() or []), **_reason(loss, group, tries)}
        producer.produce(
            settings.topic("ops.dlq"),
            value=loss.message.value(),
            key=loss.message.key(),
            headers=list(headers.items()),
            on_delivery=lambda problem, _: outcomes.append(problem),
        )
    producer.flush(_FLUSH_S)
    failed = next((problem for problem in outcomes if problem is not None), None)
    if failed is not None or len(outcomes) < len(losses):
        raise KafkaException(failed or KafkaError(KafkaError._TIMED_OUT))
    for loss in losses:
        metrics.kafka_dlq.labels(loss.message.topic() or "").inc()
    for loss in losses[:_SHOWN]:
        log.error("%s: gave up %s: %s", group, loss.source, loss.error)
    if len(losses) > _SHOWN:
        log.error("%s: gave up %d more records", group, len(losses) - _SHOWN)


def _reason(loss: Loss, group: str, tries: int) -> dict[str, bytes]:
    reason = {"error": loss.error, "tries": str(tries), "group": group, "source": loss.source}
    return {name: value.encode() for name, value in reason.items()}
