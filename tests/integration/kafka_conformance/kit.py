"""Producers, consumers and admin calls of the conformance suite: confluent_kafka with short time-outs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from tests.kafka_kit import Broker, fresh, until

HOUR_MS = 3_600_000
WAIT_S = 20.0


def an_hour_ago() -> int:
    """Return that moment in ms: an emulation may delete older records at once."""
    return int(time.time() * 1000) - HOUR_MS


def admin_of(broker: Broker) -> AdminClient:
    """Return a new admin client that finds a broker again as soon as it is back."""
    return AdminClient(
        {
            "bootstrap.servers": broker.bootstrap,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 500,
            "log_level": 0,
        }
    )


@dataclass(frozen=True)
class Cluster:
    """One broker and its admin client."""

    broker: Broker
    admin: AdminClient

    def topic(self, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        """Create a topic of its own for a test."""
        name = fresh("topic")
        new = NewTopic(name, num_partitions=partitions, replication_factor=1, config=dict(config or {}))
        self.admin.create_topics([new])[name].result(WAIT_S)
        assert until(lambda: self._led(name, partitions))
        return name

    def _led(self, name: str, partitions: int) -> bool:
        found = self.admin.list_topics(name, timeout=WAIT_S).topics[name].partitions
        if len(found) != partitions or any(one.leader < 0 for one in found.values()):
            return False
        # A leader that is named in the metadata may not know it yet, and says NOT_LEADER_FOR_PARTITION.
        asked = {TopicPartition(name, number): OffsetSpec.latest() for number in found}
        return all(one.exception(WAIT_S) is None for one in self.admin.list_offsets(asked).values())

    def produce(
        self,
        topic: str,
        stamps: Sequence[int],
        partition: int = 0,
        *,
        config: Mapping[str, str | int] | None = None,
        value: bytes = b"x",
    ) -> None:
        """Write one record for each time stamp (ms), all acknowledged."""
        producer = Producer(
            {"bootstrap.servers": self.broker.bootstrap, "linger.ms": 5, **dict(config or {})}
        )
        bad: list[str] = []
        for stamp in stamps:
            producer.produce(
                topic,
                value,
                partition=partition,
                timestamp=stamp,
                on_delivery=lambda error, _: bad.append(str(error)) if error else None,
            )
        assert producer.flush(WAIT_S) == 0
        assert bad == []

    def offset(self, topic: str, spec: OffsetSpec, partition: int = 0) -> int:
        """Ask ListOffsets through the admin client."""
        place = TopicPartition(topic, partition)
        found: int = self.admin.list_offsets({place: spec})[place].result(WAIT_S).offset
        return found

    @contextmanager
    def consumer(self, group: str, **config: object) -> Iterator[Consumer]:
        """A consumer of `group`, from the earliest record, that commits only when told; closed at the end."""
        options = {
            key if key.endswith("_cb") else key.replace("_", "."): value for key, value in config.items()
        }
        consumer = Consumer(
            {
                "bootstrap.servers": self.broker.bootstrap,
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 20,
                "log_level": 0,
                **_classic(options),
                **options,
            }
        )
        try:
            yield consumer
        finally:
            with contextlib.suppress(RuntimeError):
                consumer.close()


def _classic(options: Mapping[str, object]) -> dict[str, object]:
    """Return what only members of the classic protocol may set."""
    if options.get("group.protocol") == "consumer":
        return {}
    share = {"partition.assignment.strategy": "range"}
    return {"session.timeout.ms": 6000, "heartbeat.interval.ms": 300, **share}


def read(consumer: Consumer, count: int, seconds: float = WAIT_S) -> list[Message]:
    """Return up to `count` messages that came within `seconds`; errors raise."""
    found: list[Message] = []
    end = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < end:
        for message in consumer.consume(count - len(found), 0.1):
            assert message.error() is None, message.error()
            found.append(message)
    return found
