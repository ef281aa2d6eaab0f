"""Reading a topic without spinning: fetch until the end of every partition, then rest.

A consumer at the end of its topic asks the broker again and again, and a broker that does not hold such
requests open (the embedded one does not) answers thousands of them a second. So partitions are paused while
there is nothing to read. A paused client sleeps for up to a second; asking for a watermark wakes it at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

log = logging.getLogger("ccops.backend.olap")

BATCH_ROWS = 1_000
# Hundreds of bytes a record are usual, a megabyte is possible: a batch must fit in memory either way.
BATCH_BYTES = 4 * 1024 * 1024
BATCH_S = 0.2
_JOIN_S = 0.5
_ROUND_S = 1.0
_ASK_S = 2.0
_Place = tuple[str, int]


class Reader:
    """Batches of one consumer.

    `reachable` is False while the broker does not answer; `full` is True after a batch that took no more.
    """

    def __init__(self, consumer: Consumer) -> None:
        self.reachable = True
        self.full = False
        self._consumer = consumer
        self._resting = False
        self._known: set[_Place] = set()
        # Partitions whose end was not seen since they were resumed or since their last record.
        self._open: set[_Place] = set()

    def collect(self) -> list[Message]:
        """Return what is there: up to 1000 records or 4 MiB, at most 200 ms after the first one came."""
        places = self._consumer.assignment()
        if not places:
            first = self._consumer.poll(_JOIN_S)  # joins the group
            return [first] if first is not None and _is_record(first) else []
        if self._resting and not self._wake(places):
            return []
        self._follow({(place.topic, place.partition) for place in places})
        batch = self._fill()
        if not batch or not self._open:
            # A round without a record rests too: an end that was reported while joining is reported again.
            self._rest()
        return batch

    def _fill(self) -> list[Message]:
        batch: list[Message] = []
        size, until = 0, time.monotonic() + _ROUND_S
        while self._open and len(batch) < BATCH_ROWS and size < BATCH_BYTES:
            if (left := until - time.monotonic()) <= 0:
                break
            event = self._consumer.poll(left)
            if event is None:
                continue
            if _is_record(event):
                if not batch:
                    until = min(until, time.monotonic() + BATCH_S)
                batch.append(event)
                size += len(event)
                self._open.add(_place(event))
            elif event.partition() is not None:
                self._open.discard(_place(event))
        self.full = len(batch) >= BATCH_ROWS or size >= BATCH_BYTES
        return batch

    def _follow(self, places: set[_Place]) -> None:
        if places != self._known:
            self._known, self._open = places, set(places)

    def _rest(self) -> None:
        try:
            self._consumer.pause(self._consumer.assignment())
            self._resting = True
        except KafkaException as error:  # a rebalance came in between: the next round sees the new partitions
            log.debug("pause: %s", error)

    def _wake(self, places: Sequence[TopicPartition]) -> bool:
        try:
            self._consumer.resume(list(places))
            self._consumer.get_watermark_offsets(places[0], timeout=_ASK_S, cached=False)
        except KafkaException as error:
            log.debug("resume: %s", error)
            self._consumer.poll(0)
            self.reachable = False
            return False
        self._resting, self.reachable = False, True
        self._open = set(self._known)
        return True


def _place(event: Message) -> _Place:
    return event.topic() or "", event.partition() or 0


def _is_record(event: Message) -> bool:
    """Return whether this is a record, not the end of a partition; raise what the client can't get over."""
    error = event.error()
    if error is None:
        return True
    # Also here: a topic that is not there yet, a broker that starts. The client goes on by itself.
    if error.fatal():
        raise KafkaException(error)
    if error.code() != KafkaError._PARTITION_EOF:
        log.debug("consumer: %s", error)
    return False
