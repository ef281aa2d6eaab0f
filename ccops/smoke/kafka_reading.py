"""Following topics to their ends without spinning: read to every end, rest a little, look again.

A consumer at the end of its topic asks the broker again and again, and a broker that does not hold such
requests open (the embedded one does not) answers thousands of them a second. So partitions are paused
between two looks. A paused client sleeps for up to a second; asking for a watermark wakes it at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message, TopicPartition

REST_S = 0.03
_ROUND_S = 0.5
_ASK_S = 5.0


class Follower:
    """Reads the assigned `places`. Nothing is dropped: a pause keeps the position."""

    def __init__(self, consumer: Consumer, places: Sequence[TopicPartition]) -> None:
        self._consumer, self._places = consumer, list(places)
        self._all = {(place.topic, place.partition) for place in places}
        self._paused = False

    def look(self, hear: Callable[[Message], None]) -> None:
        """Give `hear` every record up to the ends of all partitions, as it comes.

        Raises KafkaException for whatever else the client says, and when the broker does not answer.
        """
        from confluent_kafka import KafkaError, KafkaException

        self._resume()
        ahead, until = set(self._all), time.monotonic() + _ROUND_S
        # An end is not always reported twice: a round is over after a while without it, too.
        while ahead and (left := until - time.monotonic()) > 0:
            event = self._consumer.poll(left)
            if event is None:
                continue
            place, error = (str(event.topic()), event.partition() or 0), event.error()
            if error is None:
                hear(event)
                ahead.add(place)
                until = time.monotonic() + _ROUND_S
            elif error.code() == KafkaError._PARTITION_EOF:
                ahead.discard(place)
            else:
                raise KafkaException(error)
        self._consumer.pause(self._places)
        self._paused = True

    def _resume(self) -> None:
        if not self._paused:
            return
        self._consumer.resume(self._places)
        self._consumer.get_watermark_offsets(self._places[0], timeout=_ASK_S, cached=False)
        self._paused = False
