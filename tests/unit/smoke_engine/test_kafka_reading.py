"""Following a topic: every record, no spinning."""

from __future__ import annotations

from collections import deque
from typing import cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from ccops.smoke import kafka_reading
from ccops.smoke.kafka_reading import Follower


class Event:
    """What a poll gives: a record, or an error."""

    def __init__(self, partition: int, code: int | None = None) -> None:
        self._partition, self._code = partition, code

    def topic(self) -> str:
        return "t"

    def partition(self) -> int:
        return self._partition

    def error(self) -> KafkaError | None:
        return None if self._code is None else KafkaError(self._code)


class Client:
    """A client that notes its calls and, like the real one, fetches nothing while paused."""

    def __init__(self, *events: Event) -> None:
        self.events, self.calls, self.paused = deque(events), list[str](), False

    def poll(self, timeout: float) -> Event | None:
        self.calls.append("poll")
        return self.events.popleft() if self.events and not self.paused else None

    def pause(self, places: list[TopicPartition]) -> None:
        self.calls.append("pause")
        self.paused = True

    def resume(self, places: list[TopicPartition]) -> None:
        self.calls.append("resume")
        self.paused = False

    def get_watermark_offsets(self, place: TopicPartition, timeout: float, cached: bool) -> tuple[int, int]:
        self.calls.append("watermark")
        return 0, 0


def end(partition: int) -> Event:
    return Event(partition, KafkaError._PARTITION_EOF)


def following(client: Client) -> Follower:
    return Follower(cast("Consumer", client), [TopicPartition("t", 0), TopicPartition("t", 1)])


def test_at_the_end_of_all_partitions_it_pauses_instead_of_asking_again() -> None:
    client = Client(end(0), end(1))
    following(client).look(lambda _: None)
    assert client.calls == ["poll", "poll", "pause"]


def test_the_next_look_resumes_and_wakes_the_client() -> None:
    client = Client(end(0), end(1))
    follower = following(client)
    follower.look(lambda _: None)
    client.events.extend([Event(1), end(0), end(1)])
    client.calls.clear()
    heard: list[Message] = []
    follower.look(heard.append)
    assert client.calls[:2] == ["resume", "watermark"]
    assert len(heard) == 1


def test_a_record_behind_an_end_is_read_before_it_rests() -> None:
    client = Client(end(0), Event(0), end(1), Event(1), end(0), end(1))
    heard: list[Message] = []
    following(client).look(heard.append)
    assert [one.partition() for one in heard] == [0, 1]
    assert not client.events


def test_without_a_reported_end_a_round_still_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_reading, "_ROUND_S", 0.01)
    client = Client(end(0))
    following(client).look(lambda _: None)
    assert client.paused


def test_any_other_error_is_raised_so_that_the_watcher_is_lost() -> None:
    client = Client(Event(0, KafkaError.OFFSET_OUT_OF_RANGE))
    with pytest.raises(KafkaException):
        following(client).look(lambda _: None)
