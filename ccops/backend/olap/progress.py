"""How far a pump is: what its gauges and the health route show. Written by its thread, read by the loop."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from ccops.backend import metrics

# A pump takes up to a second for a round in which nothing came.
_ROUND_S = 3.0
# So long the lag of the last batch stands for "now" while nothing new comes.
_REMEMBER_S = 5.0


class Progress:
    """What a pump has done. Times are the wall clock's, in seconds since the epoch; 0 means never."""

    def __init__(self, group: str, topics: Sequence[str], tables: Sequence[str]) -> None:
        self.group, self.topics, self.tables = group, tuple(topics), tuple(tables)
        self.assigned = 0
        self.last_message_at = 0.0
        self.last_insert_at = 0.0
        self._done_at = time.time()
        self._waiting_since = 0.0
        self._last_lag_s = 0.0

    def took(self, oldest: str) -> None:
        """Note a batch that is to be written; `oldest` is the `ts` of its oldest event."""
        self.last_message_at = time.time()
        if oldest:
            self._waiting_since = datetime.fromisoformat(oldest).replace(tzinfo=UTC).timestamp()

    def wrote(self) -> None:
        """Note that the batch is in ClickHouse."""
        now = self.last_insert_at = self._done_at = time.time()
        if self._waiting_since:
            self._last_lag_s, self._waiting_since = max(0.0, now - self._waiting_since), 0.0

    def rested(self) -> None:
        """Note that there was nothing to read."""
        self._done_at = time.time()

    def lag_s(self) -> float:
        """Return how far ClickHouse is behind: the age of the oldest event that waits, or that waited last.

        A pump that can't even ask what there is counts from when it last could.
        """
        now = time.time()
        if self._waiting_since:
            return max(0.0, now - self._waiting_since)
        if now - self._done_at > _ROUND_S:
            return now - self._done_at
        return self._last_lag_s if now - self.last_insert_at < _REMEMBER_S else 0.0

    def show(self) -> None:
        """Set the gauges."""
        metrics.kafka_consumer_assigned.labels(self.group).set(self.assigned)
        metrics.kafka_last_message.labels(self.group).set(self.last_message_at)
        lag = self.lag_s()
        for table in self.tables:
            metrics.ingest_lag.labels(table).set(lag)

    def summary(self) -> Mapping[str, object]:
        """Return what the health routes show of it."""
        return {
            "topics": list(self.topics),
            "tables": list(self.tables),
            "assigned": self.assigned,
            "last_message_at": self.last_message_at,
            "last_insert_at": self.last_insert_at,
            "lag_s": round(self.lag_s(), 3),
        }
