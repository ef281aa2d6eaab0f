"""Watch Kafka topics from their ends, in a thread, by assignment: no group, no commit."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from ccops.clients.kafka import open_consumer
from ccops.core.errors import CcopsError, Unreachable
from ccops.smoke.kafka_reading import REST_S, Follower
from ccops.smoke.probes.base import Observation
from ccops.smoke.watchers import Watcher

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message, TopicPartition

_TOPIC_SECONDS = 5.0


def record(message: Message) -> Observation:
    """Return a Kafka record as an observation; its ids come from the headers, else from the value."""
    raw = _text(message.value())
    try:
        value: object = json.loads(raw) if raw is not None else None
    except ValueError:
        value = raw
    pairs = cast("list[tuple[str, object]]", message.headers() or [])
    headers = {name: _text(text) or "" for name, text in pairs}
    inner = value if isinstance(value, Mapping) else {}
    data = {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "key": _text(message.key()),
        "headers": headers,
        "value": value,
        "trace_id": headers.get("trace_id") or inner.get("trace_id"),
        "event_id": headers.get("event_id") or inner.get("event_id"),
        "timestamp_ms": message.timestamp()[1],
    }
    return Observation(data, f"{message.topic()}:{message.partition()}:{message.offset()}")


def _text(raw: object) -> str | None:
    if raw is None:
        return None
    return raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)


class KafkaWatcher(Watcher):
    """Records of some topics since it was armed at their high watermarks."""

    def __init__(self, name: str, bootstrap: str, topics: Sequence[str]) -> None:
        super().__init__(name, "kafka")
        self._bootstrap, self._topics = bootstrap, tuple(topics)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    async def open(self) -> None:
        """Arm: return once every partition is assigned. Raises Unreachable when that can't be done."""
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(loop, ready), daemon=True)
        self._thread.start()
        await ready
        self.become("armed")

    async def close(self) -> None:
        """Stop the thread and close the consumer."""
        await super().close()
        self._stop.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, 5.0)

    def _run(self, loop: asyncio.AbstractEventLoop, ready: asyncio.Future[None]) -> None:
        def tell(state: str) -> None:
            if not self._stop.is_set():
                loop.call_soon_threadsafe(self._lose, state)

        def hear(message: Message) -> None:
            loop.call_soon_threadsafe(self.add, record(message))

        try:
            with open_consumer(self._bootstrap, on_error=lambda error: _on_error(error, tell)) as consumer:
                places = self._ends(consumer)
                consumer.assign(places)
                loop.call_soon_threadsafe(_resolve, ready, None)
                follower = Follower(consumer, places)
                while not self._stop.is_set():
                    follower.look(hear)
                    self._stop.wait(REST_S)
        except CcopsError as error:
            loop.call_soon_threadsafe(_resolve, ready, error)
            tell(error.message)

    def _ends(self, consumer: Consumer) -> list[TopicPartition]:
        """Return every partition at its high watermark; a topic may appear a little after the stack is up."""
        from confluent_kafka import TopicPartition

        deadline = time.monotonic() + _TOPIC_SECONDS
        while True:
            known = consumer.list_topics(timeout=5.0).topics
            missing = [topic for topic in self._topics if topic not in known or known[topic].error]
            if not missing:
                break
            if time.monotonic() > deadline:
                raise _no_topics(self._bootstrap, missing)
            time.sleep(0.1)
        places = [
            TopicPartition(topic, number) for topic in self._topics for number in known[topic].partitions
        ]
        for place in places:
            place.offset = consumer.get_watermark_offsets(place, timeout=5.0, cached=False)[1]
        return places

    def _lose(self, state: str) -> None:
        if self.state != "closed":
            self.become(state)


def _no_topics(bootstrap: str, missing: Sequence[str]) -> Unreachable:
    return Unreachable(
        "KAFKA_TOPIC_MISSING",
        f"kafka at {bootstrap} has no topic {missing[0]}",
        evidence=f"missing: {', '.join(missing)}",
        next_step="ccops status    the worker creates the topics",
    )


def _on_error(error: object, tell: object) -> None:
    from confluent_kafka import KafkaError

    if isinstance(error, KafkaError) and error.code() == KafkaError._ALL_BROKERS_DOWN and callable(tell):
        tell("all brokers are down")


def _resolve(ready: asyncio.Future[None], error: CcopsError | None) -> None:
    if ready.done():
        return
    if error is None:
        ready.set_result(None)
    else:
        ready.set_exception(error)
