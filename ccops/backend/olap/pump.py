"""One group's way from its topics to their tables, in one thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from ccops.backend import kafka_client, metrics
from ccops.backend.olap import writer
from ccops.backend.olap.clickhouse_client import ClickHouse, StoreDown, connect
from ccops.backend.olap.dead_letters import Loss, give_up
from ccops.backend.olap.domains import Domain
from ccops.backend.olap.progress import Progress
from ccops.backend.olap.reader import Reader

log = logging.getLogger("ccops.backend.olap")

_REST_S = 0.1
# An insert costs ClickHouse about the same for one row as for a thousand: under load it comes once a second.
# Behind a full batch more is waiting already, as after an outage: that one is followed by the next.
_BUSY_ROWS = 32
_GATHER_S = 0.9
_RETRY_S = 0.5
# Longer than this and the group takes our partitions away (max.poll.interval.ms): leave in good order first.
_KEEP_BATCH_S = 30.0


class Pump:
    """Reads, writes, commits, again; a store that goes away is waited for."""

    def __init__(self, domain: Domain, stop: threading.Event) -> None:
        self._domain, self._stop = domain, stop
        self._tables = domain.by_topic
        self._beat_at = float("-inf")
        tables = [table.name for table in self._tables.values()]
        self.progress = Progress(domain.group, list(self._tables), tables)

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
            # Who subscribes to a topic that is not there yet hears of it minutes after it was made.
            kafka_client.ensure_topics(kafka_client.admin(self._on_error))
            consumer = kafka_client.consumer(self._domain.group, self._on_error)
            try:
                consumer.subscribe(list(self._tables))
                reader = Reader(consumer)
                while not self._stop.is_set():
                    self._step(consumer, reader, store)
                    if reader.reachable:
                        self._beat_at = time.monotonic()
            finally:
                self.progress.assigned = 0
                consumer.close()
        finally:
            store.close()

    def _step(self, consumer: Consumer, reader: Reader, store: ClickHouse) -> None:
        batch = reader.collect()
        self.progress.assigned = len(consumer.assignment())
        if not batch:
            if reader.reachable and self.progress.assigned:
                self.progress.rested()
            self._stop.wait(_REST_S)
        elif self._write(store, batch):
            commit(consumer, batch)
            if len(batch) >= _BUSY_ROWS and not reader.full:
                self._stop.wait(_GATHER_S)

    def _write(self, store: ClickHouse, batch: Sequence[Message]) -> bool:
        """Write until it is written; False when we were stopped before."""
        parts = [writer.read(table, of_topic(batch, topic)) for topic, table in self._tables.items()]
        self.progress.took(min((part.oldest for part in parts if part.oldest), default=""))
        for part in parts:
            if part.rows and not self._write_part(store, part):
                return False
        # Last: while ClickHouse is away the batch is read again and again, but given up once.
        self._give_up([loss for part in parts for loss in part.losses])
        self.progress.wrote()
        return True

    def _write_part(self, store: ClickHouse, part: writer.Readable) -> bool:
        name, count = part.table.name, len(part.rows)
        give_up_at = time.monotonic() + _KEEP_BATCH_S
        while not self._stop.is_set():
            try:
                with metrics.ingest_batch_seconds.labels(name).time():
                    losses = writer.write(store, part.table, part.rows)
            except StoreDown as error:
                metrics.ingest_rows.labels(name, "error", "live").inc(count)
                log.warning("%s: %s", self._domain.group, error)
                if time.monotonic() > give_up_at:
                    raise
                self._stop.wait(_RETRY_S)
                store.try_schema()
                continue
            self._give_up(losses)
            metrics.ingest_rows.labels(name, "ok", "live").inc(count - len(losses))
            metrics.ingest_last_success.labels(name).set_to_current_time()
            return True
        return False

    def _give_up(self, losses: Sequence[Loss]) -> None:
        give_up(losses, self._domain.group, writer.TRIES)

    def _on_error(self, error: KafkaError) -> None:
        log.debug("%s: %s", self._domain.group, error)


def of_topic(batch: Sequence[Message], topic: str) -> list[Message]:
    """Return the records of one topic, in their order."""
    return [message for message in batch if message.topic() == topic]


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
