"""The clients of a broker that is gone are given up by their own thread; the event loop may not wait."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest
from confluent_kafka import KafkaException

from ccops.backend import kafka_client
from ccops.backend.relays.session import Session

ENDED: list[tuple[str, str]] = []


class Client:
    """Says in which thread it ends, as a real one does by waiting there for the broker's threads."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __del__(self) -> None:
        ENDED.append((self.name, threading.current_thread().name))

    def list_topics(self, timeout: float) -> None:
        """Answer."""

    def purge(self, **_: bool) -> None:
        """Forget what is queued."""

    def flush(self, seconds: float) -> None:
        """Send."""


@pytest.fixture(autouse=True)
def clients(monkeypatch: pytest.MonkeyPatch) -> None:
    ENDED.clear()
    monkeypatch.setattr(kafka_client, "admin", lambda _: Client("admin"))
    monkeypatch.setattr(kafka_client, "producer", lambda _: Client("producer"))


def _ended() -> set[tuple[str, str]]:
    gc.collect()
    return {(name, thread.rpartition("_")[0]) for name, thread in ENDED}


async def _all_ended(count: int) -> None:
    for _ in range(200):
        if len(ENDED) >= count:
            return
        await asyncio.sleep(0.01)


def _gone(client: Client, *_: object) -> None:
    raise KafkaException(client.name)


def test_a_session_that_does_not_open_gives_its_clients_up_in_its_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka_client, "ensure_topics", _gone)

    async def opened() -> None:
        try:
            async with Session(lambda *_: None):
                pytest.fail("never opened")
        except KafkaException:
            await _all_ended(1)
        assert _ended() == {("admin", "kafka-relay")}

    asyncio.run(opened())


def test_a_session_that_ends_does_so_too_whatever_went_wrong_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_client, "ensure_topics", lambda _: None)
    monkeypatch.setattr(kafka_client, "high_watermarks", _gone)

    async def used() -> None:
        try:
            async with Session(lambda *_: None) as session:
                await session.send([])
                await session.high_watermarks([("t", 0)])
        except KafkaException:
            await _all_ended(2)
        assert _ended() == {("admin", "kafka-relay"), ("producer", "kafka-relay")}

    asyncio.run(used())
