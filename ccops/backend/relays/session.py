"""One connection to the broker, used by one thread of its own; it ends at the first sign of trouble."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AdminClient

from ccops.backend import kafka_client, metrics
from ccops.backend.repositories.outbox import OutboxRow, Place

log = logging.getLogger("ccops.backend.relays.kafka")

Report = Callable[[Place | str], None]
Produce = Callable[[Producer, OutboxRow, Report], None]
Answer = TypeVar("Answer")
_STEP_S = 0.1
# After a broker error the client may still deliver by itself; longer than this a new session is faster.
_GRACE_S = 0.3


class Session:
    """A producer and an admin client. `trouble` says why the session must not be used any longer."""

    def __init__(self, produce: Produce) -> None:
        self.trouble = ""
        self._produce = produce
        self._trouble_at = 0.0
        self._closing = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kafka-relay")
        self._producer: Producer | None = None
        self._admin: AdminClient | None = None

    async def __aenter__(self) -> Session:
        try:
            await self._in_thread(self._open)
        except BaseException:
            self._leave()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        """Let the thread give up the clients: it waits for a broker whose name is gone, this one must not."""
        self._closing = True
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    async def send(self, rows: Sequence[OutboxRow]) -> list[tuple[int, Place]]:
        """Produce the rows, wait for every report, return the acknowledged ones in order."""
        return await self._in_thread(lambda: self._send(rows))

    async def poll(self) -> None:
        """Let the client report broker errors while there is nothing to send."""
        await self._in_thread(lambda: self._flush(0))

    async def high_watermarks(self, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Return each partition's high watermark; creates missing topics first."""

        def ask() -> dict[tuple[str, int], int]:
            assert self._admin is not None
            kafka_client.ensure_topics(self._admin)
            return kafka_client.high_watermarks(self._admin, places)

        return await self._in_thread(ask)

    def _open(self) -> None:
        # The admin's own first attempts may fail while a broker starts; only the producer's errors count.
        self._admin = kafka_client.admin(lambda error: log.debug("kafka admin: %s", error))
        kafka_client.ensure_topics(self._admin)
        self._producer = kafka_client.producer(self._on_error)
        # Connect now: the producer id is asked for only every 500 ms.
        self._producer.list_topics(timeout=kafka_client.REQUEST_S)

    def _close(self) -> None:
        if self._producer is not None:
            self._producer.purge(in_queue=True, in_flight=True)
            self._producer = None
        self._admin = None

    def _send(self, rows: Sequence[OutboxRow]) -> list[tuple[int, Place]]:
        assert self._producer is not None
        acked: list[tuple[int, Place]] = []
        waiting = {row.id for row in rows}

        def reporter(row: OutboxRow) -> Report:
            def report(answer: Place | str) -> None:
                waiting.discard(row.id)
                if isinstance(answer, Place):
                    acked.append((row.id, answer))
                else:
                    metrics.events_publish_failed.labels(row.topic or "", "not_acknowledged").inc()
                    self._fail(answer)

            return report

        try:
            for row in rows:
                self._produce(self._producer, row, reporter(row))
            while waiting and not self._closing and not self._given_up:
                self._flush(_STEP_S)
        except Exception as error:  # noqa: BLE001 - what was acknowledged before must still be marked
            self._fail(f"{type(error).__name__}: {error}")
        return acked

    def _flush(self, seconds: float) -> None:
        assert self._producer is not None
        if seconds:
            self._producer.flush(seconds)
        else:
            self._producer.poll(0)
        # After a fatal error confluent-kafka returns with an exception pending, which the next call into
        # C raises; let that be this one.
        time.monotonic()

    def _on_error(self, error: KafkaError) -> None:
        self._fail(str(error))

    def _fail(self, reason: str) -> None:
        self.trouble = self.trouble or reason
        self._trouble_at = self._trouble_at or time.monotonic()

    @property
    def _given_up(self) -> bool:
        return bool(self._trouble_at) and time.monotonic() - self._trouble_at > _GRACE_S

    async def _in_thread(self, call: Callable[[], Answer]) -> Answer:
        def guarded() -> Answer:
            try:
                return call()
            except Exception as error:  # noqa: BLE001 - it is raised again
                # Its frames hold the clients, which would be given up by whoever handles it.
                raise error.with_traceback(None) from None

        return await asyncio.get_running_loop().run_in_executor(self._thread, guarded)
