"""The records of a window, partition by partition, read without joining the group."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ccops.clients.guard import translated
from ccops.clients.kafka import ASSIGNED, errors
from ccops.core.errors import Degraded, Unreachable
from ccops.kafka.handlers import Record
from ccops.kafka.model import Place
from ccops.kafka.window import Window

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

_POLL_S = 0.2
_SILENT_S = 30.0


def records(
    consumer: Consumer, window: Window, left: set[Place], at: Mapping[Place, int]
) -> Iterator[Record]:
    """Yield records until every span is at its stop; a partition that is done is not read on."""
    from confluent_kafka import KafkaError, KafkaException, TopicPartition

    heard = time.monotonic()
    while left:
        message = consumer.poll(_POLL_S)
        if message is None:
            if time.monotonic() - heard > _SILENT_S:
                raise Unreachable(
                    "KAFKA_UNREACHABLE",
                    f"no record came for {_SILENT_S:g} s, and {len(left)} partition(s) are not at their end",
                    evidence=f"waiting for {sorted(left)[:5]}",
                    next_step="ccops status; the same call goes on where this one stopped",
                )
            continue
        heard = time.monotonic()
        place = (str(message.topic()), int(message.partition() or 0))
        if (error := message.error()) is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                left.discard(place)  # what is missing before the stop are a transaction's marks
                continue
            if error.code() == KafkaError._AUTO_OFFSET_RESET:
                raise _lost(place, at[place])
            raise KafkaException(error)
        offset, stop = int(message.offset() or 0), window.spans[place].stop
        if offset < stop and place in left:
            yield _record(message, place, offset)
        if offset + 1 >= stop and place in left:
            left.discard(place)
            consumer.pause([TopicPartition(*place)])


def _record(message: Message, place: Place, offset: int) -> Record:
    headers = {str(name): bytes(value or b"") for name, value in _pairs(message.headers())}
    _, stamp = message.timestamp()
    return Record(*place, offset, int(stamp), _bytes(message.key()), _bytes(message.value()), headers)


def _pairs(headers: object) -> list[tuple[str, bytes | None]]:
    return list(headers.items()) if isinstance(headers, dict) else list(headers or ())  # type: ignore[call-overload]


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


@contextmanager
def reader(bootstrap: str, group: str, places: Mapping[Place, int]) -> Iterator[Consumer]:
    """Yield a consumer that was given its partitions: it never joins, so nobody is rebalanced."""
    from confluent_kafka import Consumer, TopicPartition

    with translated("kafka", bootstrap, errors()):
        consumer = Consumer(
            {
                **ASSIGNED,
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "error_cb": lambda error: None,
            }
        )
        try:
            consumer.assign([TopicPartition(*place, offset) for place, offset in places.items()])
            yield consumer
        finally:
            consumer.close()


def _lost(place: Place, offset: int) -> Degraded:
    return Degraded(
        "KAFKA_REPLAY_LOST",
        f"the records of {place[0]}:{place[1]} from offset {offset} on are gone: retention was faster",
        evidence="what was handled until now is committed in the replay group",
        next_step="--allow-clamp, and --at with another hour, replays what is left",
    )
