"""Kafka: how we open it, and which topics exist. The client blocks, so callers bring their own thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.cimpl import NewTopic

from ccops.backend import metrics
from ccops.backend.core.config import settings

PARTITIONS = 6
REQUEST_S = 2.0
_BROKER_DEFAULT = -1
_LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]
OnError = Callable[[KafkaError], None]
# A restarted broker must be found again at once: back-off stays far below the default of 10 s.
_COMMON: Mapping[str, object] = {
    "log_level": 2,  # every reconnect attempt is a line otherwise; errors reach us by callback
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 500,
    "socket.keepalive.enable": True,
    "log.connection.close": False,
}
# What a group holds of a backlog, as after an outage; by default 64 MiB, and there are several groups.
FETCHING: Mapping[str, object] = {
    "queued.min.messages": 2_000,
    "queued.max.messages.kbytes": 8_192,
    "fetch.max.bytes": 8_388_608,
    # A broker counts compressed bytes, and records that are much alike shrink a hundredfold: a small answer
    # each time, and the next one soon (a full queue waits for a second otherwise).
    "max.partition.fetch.bytes": 131_072,
    "fetch.queue.backoff.ms": 20,
    # noida-db answers with all it has, whatever it is asked for; above this a client would stall for ever.
    "receive.message.max.bytes": 1_073_741_824,
}


def producer(on_error: OnError) -> Producer:
    """Return an idempotent producer; it must be made anew after a broker lost its state."""
    return Producer(
        {
            **_COMMON,
            "bootstrap.servers": settings.kafka_bootstrap,
            "client.id": "ccops-relay",
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 1,
            "message.timeout.ms": 8_000,
            "error_cb": on_error,
        }
    )


def consumer(group: str, on_error: OnError) -> Consumer:
    """Return a consumer that commits by hand; `range` because not every broker can do more."""
    return Consumer(
        {
            **_COMMON,
            "bootstrap.servers": settings.kafka_bootstrap,
            "client.id": "ccops-ingester",
            "group.id": group,
            "partition.assignment.strategy": "range",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            # The reader rests between rounds; a broker need not hold its requests open.
            "fetch.wait.max.ms": 20,
            "enable.partition.eof": True,
            "session.timeout.ms": 10_000,
            **FETCHING,
            "error_cb": on_error,
        }
    )


def admin(on_error: OnError) -> AdminClient:
    """Return a client for topics and offsets."""
    config = {**_COMMON, "bootstrap.servers": settings.kafka_bootstrap, "error_cb": on_error}
    return AdminClient(config)  # type: ignore[arg-type]


def topics() -> list[str]:
    """Return every topic of this environment."""
    return [settings.topic(stem) for stem in metrics.TOPIC_STEMS]


def ensure_topics(client: AdminClient) -> None:
    """Create the topics that are missing; raises KafkaException when the broker does not answer."""
    known = client.list_topics(timeout=REQUEST_S).topics
    missing = [name for name in topics() if name not in known]
    if not missing:
        return
    made = client.create_topics(
        [NewTopic(name, PARTITIONS, _BROKER_DEFAULT) for name in missing], request_timeout=REQUEST_S
    )
    for future in made.values():
        try:
            future.result(REQUEST_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def high_watermarks(client: AdminClient, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """Return the offset the next record of each partition will get; 0 where the partition is gone."""
    known = client.list_topics(timeout=REQUEST_S).topics
    there = {name: set(topic.partitions) for name, topic in known.items() if topic.error is None}
    tops = dict.fromkeys(places, 0)
    asked = {TopicPartition(topic, part): _LATEST for topic, part in tops if part in there.get(topic, ())}
    if asked:
        for place, future in client.list_offsets(asked, request_timeout=REQUEST_S).items():
            tops[place.topic, place.partition] = int(future.result(REQUEST_S).offset)
    return tops
