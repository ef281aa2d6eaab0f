"""One domain's way from its topic to its table, in one thread."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from ccops.backend import kafka_client, metrics
from ccops.backend.core.config import settings
from ccops.backend.olap.clickhouse_client import BadBatch, ClickHouse, StoreDown, connect
from ccops.backend.olap.dead_letters import Loss, give_up
from ccops.backend.olap.reader import Reader
from ccops.backend.olap.tables import BadRecord, Row, Table, row_of

log = logging.getLogger("ccops.backend.olap")

TRIES = 3
_REST_S = 0.1
# An insert costs ClickHouse about the same for one row as for a thousand: under load it comes twice a second.
_BUSY_ROWS = 32
_GATHER_S = 0.4
_RETRY_S = 0.5
# Longer than this and the group takes our partitions away (max.poll.interval.ms): leave in good order first.
_KEEP_BATCH_S = 30.0


@dataclass(frozen=True, slots=True)
class Domain:
    """A consumer group: which topic it reads into which table."""

    name: str
    stem: str
    table: Table

    @property
    def group(self) -> str:
        """Return the group `cc.<domain>.clickhouse.<env>`."""
        return f"cc.{self.name}.clickhouse.{settings.app_env}"


class Pump:
    """Reads, writes, commits, again; a store that goes away is waited for."""

    def __init__(self, domain: Domain, topic: str, stop: threading.Event) -> None:
        self._domain, self._topic, self._stop = domain, topic, stop
        self._beat_at = float("-inf")

    def idle_s(self) -> float:
        """Return the seconds since the last completed loop."""
        return time.monotonic() - self._beat_at

    def run(self) -> None:
        """Pump until stopped."""
        while not self._stop.is_set():
            try:
                self._session()
            except (KafkaException, StoreDown) as error:
                log.warning("%s: %s", self._domain.group, error)
                self._stop.wait(_RETRY_S)

    def _session(self) -> None:
        # ClickHouse first: without it there is no point in joining the group.
        store = connect()
        try:
            consumer = kafka_client.consumer(self._domain.group, self._on_error)
            try:
                consumer.subscribe([self._topic])
                reader = Reader(consumer)
                while not self._stop.is_set():
                    self._step(consumer, reader, store)
                    if reader.reachable:
                        self._beat_at = time.monotonic()
            finally:
                consumer.close()
        finally:
            store.close()

    def _step(self, consumer: Consumer, reader: Reader, store: ClickHouse) -> None:
        batch = reader.collect()
        if not batch:
            self._stop.wait(_REST_S)
        elif self._write(store, batch):
            commit(consumer, batch)
            if len(batch) >= _BUSY_ROWS:
                self._stop.wait(_GATHER_S)

    def _write(self, store: ClickHouse, batch: Sequence[Message]) -> bool:
        """Write until it is written; False when we were stopped before."""
        table, rows, losses = self._domain.table, list[Row](), list[Loss]()
        for message in batch:
            try:
                rows.append(_row(table, message))
            except BadRecord as error:
                losses.append(Loss(message, str(error)))
        give_up(losses, self._domain.group, TRIES)
        if not rows:
            return True
        give_up_at = time.monotonic() + _KEEP_BATCH_S
        while not self._stop.is_set():
            try:
                with metrics.ingest_batch_seconds.labels(table.name).time():
                    self._insert(store, batch, rows)
            except StoreDown as error:
                metrics.ingest_rows.labels(table.name, "error", "live").inc(len(rows))
                log.warning("%s: %s", self._domain.group, error)
                if time.monotonic() > give_up_at:
                    raise
                self._stop.wait(_RETRY_S)
                store.try_schema()
                continue
            metrics.ingest_rows.labels(table.name, "ok", "live").inc(len(rows))
            metrics.ingest_last_success.labels(table.name).set_to_current_time()
            return True
        return False

    def _insert(self, store: ClickHouse, batch: Sequence[Message], rows: Sequence[Row]) -> None:
        try:
            store.insert(self._domain.table, rows, token(rows))
        except BadBatch:
            # One bad row refuses the whole batch; alone, each shows whether it is the one.
            by_place = {(m.partition(), m.offset()): m for m in batch}
            refused = [(row, error) for row in rows if (error := self._insert_one(store, row))]
            losses = [Loss(by_place[row["partition"], row["offset"]], error) for row, error in refused]  # type: ignore[index]
            give_up(losses, self._domain.group, TRIES)

    def _insert_one(self, store: ClickHouse, row: Row) -> str:
        """Return why ClickHouse refuses the row, or nothing."""
        reason = ""
        for _ in range(TRIES):
            try:
                store.insert(self._domain.table, [row], token([row]))
            except BadBatch as error:
                reason = str(error)
            else:
                return ""
        return reason

    def _on_error(self, error: KafkaError) -> None:
        log.debug("%s: %s", self._domain.group, error)


def commit(consumer: Consumer, batch: Sequence[Message]) -> None:
    """Commit what was written. A commit that fails costs a repeat, so it is only noted."""
    nexts: dict[tuple[str, int], int] = {}
    for message in batch:
        key = (message.topic() or "", message.partition() or 0)
        nexts[key] = max(nexts.get(key, 0), (message.offset() or 0) + 1)
    try:
        consumer.commit(
            offsets=[TopicPartition(*key, offset) for key, offset in nexts.items()], asynchronous=False
        )
    except KafkaException as error:
        log.warning("commit: %s", error)


def token(rows: Sequence[Row]) -> str:
    """Return the deduplication token: topic-partition-first-last of each partition, and what lies there.

    The digest of the event ids is needed because a broker that lost records gives their offsets to others.
    """
    spans: dict[object, tuple[object, object]] = {}
    for row in rows:
        first, _ = spans.get(row["partition"], (row["offset"], None))
        spans[row["partition"]] = (first, row["offset"])
    ids = hashlib.sha256("".join(str(row["event_id"]) for row in rows).encode()).hexdigest()[:16]
    places = ",".join(f"{part}-{first}-{last}" for part, (first, last) in spans.items())
    return f"{rows[0]['topic']}-{places}-{ids}"


def _row(table: Table, message: Message) -> Row:
    value = message.value()
    raw = value.encode() if isinstance(value, str) else value
    return row_of(table, raw, message.topic() or "", message.partition() or 0, message.offset() or 0)
