"""Kafka's side: every record of the window, between two watermarks, by a consumer that joins no group."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, cast
from uuid import UUID

from ccops.clients.guard import unreachable
from ccops.data.reconcile_ids import Entry, Ids, Kinds
from ccops.data.reconcile_model import Window, to_ms

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message, TopicPartition

# A record is written after its event happened, so the first record of the window lies behind its beginning
# on the broker's clock; this much the clocks of database and producer may differ.
_SKEW_MS = 300_000
_ASK_S = 5.0
_SILENCE_S = 10.0
_PAGE = 1_000
_WAIT_S = 0.1


class Broker:
    """The topics of one broker, read by assignment."""

    def __init__(self, consumer: Consumer, bootstrap: str) -> None:
        self._consumer, self._bootstrap = consumer, bootstrap
        topics = consumer.list_topics(timeout=_ASK_S).topics
        self._partitions = {
            name: sorted(topic.partitions) for name, topic in topics.items() if topic.error is None
        }

    def has(self, topic: str) -> bool:
        """Return whether the topic exists."""
        return topic in self._partitions

    def bounds(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """Return the low and high watermark of each partition, as they are now."""
        from confluent_kafka import TopicPartition

        found: dict[int, tuple[int, int]] = {}
        for part in self._partitions.get(topic, ()):
            place = TopicPartition(topic, part)
            found[part] = self._consumer.get_watermark_offsets(place, timeout=_ASK_S, cached=False)
        return found

    def read(
        self, topic: str, window: Window, ids: Ids, kinds: Kinds, by: str, unreadable: Callable[[str], None]
    ) -> None:
        """Keep every event of the window, record by record, up to the watermarks of this moment.

        A record that holds no event goes to `unreadable` as topic:partition:offset. Raises Unreachable when
        the broker stops answering.
        """
        ends = {part: high for part, (low, high) in self.bounds(topic).items() if high > low}
        starts = self._starts(topic, window, ends)
        left = {place.partition for place in starts if place.offset < ends[place.partition]}
        self._consumer.assign([place for place in starts if place.partition in left])
        try:
            while left:
                for message in self._page():
                    part, offset = message.partition() or 0, message.offset() or 0
                    if offset < ends[part]:
                        entry = _entry(message, kinds, by)
                        if entry is None:
                            unreadable(f"{topic}:{part}:{offset}")
                        elif window.since_ms <= entry.ms < window.until_ms:
                            ids.add(entry)
                # The position also moves over what is no record: the marks of transactions, compacted gaps.
                places = self._consumer.position(self._consumer.assignment())
                left -= {place.partition for place in places if place.offset >= ends[place.partition]}
        finally:
            self._consumer.unassign()

    def _starts(self, topic: str, window: Window, ends: Mapping[int, int]) -> list[TopicPartition]:
        from confluent_kafka import TopicPartition

        asked = [TopicPartition(topic, part, max(0, window.since_ms - _SKEW_MS)) for part in ends]
        if not asked:
            return []
        found = self._consumer.offsets_for_times(asked, timeout=_ASK_S)
        # -1: nothing is that young, so there is nothing to read.
        return [
            TopicPartition(topic, one.partition, one.offset if one.offset >= 0 else ends[one.partition])
            for one in found
        ]

    def _page(self) -> list[Message]:
        from confluent_kafka import KafkaError, KafkaException

        waited = 0.0
        while waited < _SILENCE_S:
            # It waits for a full page, or as long as this.
            events = self._consumer.consume(_PAGE, _WAIT_S)
            waited += 0.0 if events else _WAIT_S
            for event in events:
                error = event.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
            if events:
                return [event for event in events if event.error() is None]
        raise unreachable(
            "kafka",
            self._bootstrap,
            TimeoutError(f"no record for {_SILENCE_S:g} s before the end of a topic"),
        )


def _entry(message: Message, kinds: Kinds, by: str) -> Entry | None:
    """Return the event of a record, None when it holds none."""
    try:
        body = json.loads(cast(bytes, message.value()))
        moment = datetime.fromisoformat(body["ts"])
        if moment.tzinfo is None:
            return None
        word = "" if not by else body.get("type") if by == "type" else body["data"].get(by)
        return Entry(UUID(body["event_id"]).bytes, to_ms(moment), kinds.number(word))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
