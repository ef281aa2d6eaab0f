"""Following the containers' logs: merged, through restarts, and without a thread left behind."""

from __future__ import annotations

import inspect
import queue
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker.api.container import ContainerApiMixin
from docker.types import CancellableStream

from ccops.core.errors import Unreachable
from ccops.core.profile import Profile, Project, Value
from ccops.stack.compose import following, logs
from ccops.stack.logview import Line
from tests.conftest import ROOT

DAY = "2026-11-23T06:00"


class FakeStream:
    """As the SDK's CancellableStream: ends with the container, or when another thread closes it."""

    def __init__(self, blocks: Sequence[bytes] = ()) -> None:
        self.blocks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        for block in blocks:
            self.blocks.put(block)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = self.blocks.get(timeout=20)
        if block is None:
            raise StopIteration
        return block

    def close(self) -> None:
        self.blocks.put(None)


class FakeContainer:
    """A container with a log; `say` writes to it, `end` and `begin` are what a restart does."""

    def __init__(self, service: str, number: str = "1", ident: str = "") -> None:
        labels = {"com.docker.compose.service": service, "com.docker.compose.container-number": number}
        self._state: dict[str, Any] = {"Status": "running", "StartedAt": f"{DAY}:00.0Z"}
        self.attrs: Mapping[str, object] = {
            "Id": ident or f"{service}-{number}",
            "State": self._state,
            "Config": {"Labels": labels},
        }
        self.log: list[bytes] = []
        self.opened: list[int] = []
        self._streams: list[FakeStream] = []
        self._lock = threading.Lock()

    def logs(
        self,
        *,
        tail: int = 10**6,
        timestamps: bool,
        stream: bool = False,
        follow: bool = False,
        since: int = 0,
    ) -> Any:
        assert timestamps
        with self._lock:
            if not stream:
                return b"".join(self.log[-tail:])
            assert follow
            assert since >= 1  # the SDK takes nothing else
            self.opened.append(since)
            made = FakeStream(self.log)
            if self._state["Status"] == "running":
                self._streams.append(made)
            else:
                made.close()
            return made

    def say(self, second: str, text: str) -> None:
        self.raw(f"{DAY}:{second}Z {text}\n".encode())

    def raw(self, block: bytes) -> None:
        with self._lock:
            self.log.append(block)
            for stream in self._streams:
                stream.blocks.put(block)

    def end(self) -> None:
        with self._lock:
            self._state["Status"] = "exited"
            for stream in self._streams:
                stream.close()
            self._streams = []

    def begin(self, second: str) -> None:
        with self._lock:
            self._state |= {"Status": "running", "StartedAt": f"{DAY}:{second}Z"}

    def restart(self, *, timeout: int) -> None:
        raise AssertionError("nobody asked")


class FakeDocker:
    """An engine whose list of containers may change."""

    def __init__(self, *found: FakeContainer) -> None:
        self.found = list(found)

    @property
    def containers(self) -> FakeDocker:
        return self

    def list(self, **_: object) -> Sequence[FakeContainer]:
        return list(self.found)


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return Profile("dev", Project(ROOT, tmp_path), {"CCOPS_STACK": Value("compose", "env/dev.env:1")})


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDocker]:
    docker = FakeDocker()

    @contextmanager
    def opened() -> Iterator[FakeDocker]:
        yield docker

    monkeypatch.setattr(following, "open_docker", opened)
    monkeypatch.setattr(logs, "open_docker", opened)
    monkeypatch.setattr(following, "_LOOK_S", 0.05)
    monkeypatch.setattr(following, "_HOLD_S", 0.1)
    before = threading.active_count()
    yield docker
    assert threading.active_count() == before, threading.enumerate()


def _texts(stream: Iterator[Line], count: int) -> list[str]:
    return [f"{line.service} {line.text}" for line in (next(stream) for _ in range(count))]


def test_what_was_comes_first_and_what_comes_is_merged_by_the_engines_time(
    profile: Profile, engine: FakeDocker
) -> None:
    kafka, worker = FakeContainer("kafka"), FakeContainer("worker")
    engine.found = [kafka, worker]
    kafka.say("01.000000001", "one")
    worker.say("01.000000002", "two")
    kafka.say("02.0", "three")
    stream = following.follow(profile, (), 2)

    assert _texts(stream, 2) == ["worker two", "kafka three"]
    # The younger line is known first, by less than the time that lines wait for each other.
    worker.say("03.000000009", "five")
    kafka.say("03.000000008", "four")
    assert _texts(stream, 2) == ["kafka four", "worker five"]
    stream.close()


def test_a_restart_is_read_on_without_a_gap_or_a_repetition(profile: Profile, engine: FakeDocker) -> None:
    worker = FakeContainer("worker")
    engine.found = [worker]
    worker.say("01.5", "before")
    stream = following.follow(profile, ("worker",), 10)
    assert _texts(stream, 1) == ["worker before"]
    worker.say("02.1", "last words")
    assert _texts(stream, 1) == ["worker last words"]

    worker.end()
    worker.say("02.2", "nobody listened")
    worker.begin("09.0")
    worker.say("09.1", "again")

    assert _texts(stream, 2) == ["worker nobody listened", "worker again"]
    worker.say("09.2", "and on")
    assert _texts(stream, 1) == ["worker and on"]
    stream.close()
    assert len(worker.opened) == 2


def test_a_container_that_ended_is_not_asked_over_and_over(profile: Profile, engine: FakeDocker) -> None:
    dead, worker = FakeContainer("migrate"), FakeContainer("worker")
    dead.say("01.0", "done")
    dead.end()
    engine.found = [dead, worker]
    stream = following.follow(profile, (), 10)
    assert _texts(stream, 1) == ["migrate done"]

    later = threading.Timer(0.5, worker.say, ("02.0", "hello"))
    later.start()
    assert _texts(stream, 1) == ["worker hello"]
    later.join()
    stream.close()
    assert len(dead.opened) == 1


def test_a_container_that_is_made_anew_or_added_is_read_from_its_start(
    profile: Profile, engine: FakeDocker
) -> None:
    old = FakeContainer("backend")
    engine.found = [old]
    old.say("01.0", "old")
    stream = following.follow(profile, ("backend",), 1)
    assert _texts(stream, 1) == ["backend old"]

    old.end()
    new, second = FakeContainer("backend", ident="new"), FakeContainer("backend", "2")
    engine.found = [new, second]
    new.say("05.0", "new")
    second.say("06.0", "second")

    assert _texts(stream, 2) == ["backend-1 new", "backend-2 second"]
    stream.close()


def test_blocks_end_anywhere_in_a_line_and_in_a_character(profile: Profile, engine: FakeDocker) -> None:
    redis = FakeContainer("redis")
    engine.found = [redis]
    stream = following.follow(profile, (), 0)
    raw = f"{DAY}:01.0Z 준비\n{DAY}:02.0Z next\n".encode()
    feed = threading.Timer(0.2, lambda: [redis.raw(raw[at : at + 1]) for at in range(len(raw))])
    feed.start()

    assert _texts(stream, 2) == ["redis 준비", "redis next"]
    feed.join()
    stream.close()


def test_the_filter_is_for_what_was_and_for_what_comes(profile: Profile, engine: FakeDocker) -> None:
    redis = FakeContainer("redis")
    engine.found = [redis]
    for second, text in (("01.0", "ERROR a"), ("02.0", "fine"), ("03.0", "ERROR b")):
        redis.say(second, text)
    stream = following.follow(profile, (), 1, re.compile("ERROR"))
    assert _texts(stream, 1) == ["redis ERROR b"]

    redis.say("04.0", "fine")
    redis.say("05.0", "ERROR c")
    assert _texts(stream, 1) == ["redis ERROR c"]
    stream.close()


def test_stdout_and_stderr_that_overtake_each_other_are_both_shown(
    profile: Profile, engine: FakeDocker
) -> None:
    redis = FakeContainer("redis")
    engine.found = [redis]
    redis.say("01.0", "first")
    stream = following.follow(profile, (), 1)
    assert _texts(stream, 1) == ["redis first"]

    redis.raw(f"{DAY}:03.000000002Z err\n{DAY}:03.000000001Z out\n".encode())
    assert sorted(_texts(stream, 2)) == ["redis err", "redis out"]
    stream.close()


def test_closing_ends_readers_that_wait_and_a_stream_that_broke_is_opened_again(
    profile: Profile, engine: FakeDocker
) -> None:
    redis = FakeContainer("redis")
    engine.found = [redis]
    real, broken = redis.logs, []

    def breaks_once(**words: Any) -> Any:
        if words.get("stream") and not broken:
            broken.append(words)
            raise ConnectionError("engine restarted")
        return real(**words)

    redis.logs = breaks_once  # type: ignore[method-assign]
    redis.say("01.0", "first")
    stream = following.follow(profile, (), 1)
    assert _texts(stream, 1) == ["redis first"]
    redis.say("02.0", "still there")
    assert _texts(stream, 1) == ["redis still there"]
    began = time.monotonic()
    stream.close()
    assert time.monotonic() - began < following._END_S
    assert broken


def test_a_stack_without_containers_is_down(profile: Profile, engine: FakeDocker) -> None:
    with pytest.raises(Unreachable, match="is down"):
        next(following.follow(profile, (), 1))


def test_several_processes_of_a_service_are_meant_by_its_name(profile: Profile, engine: FakeDocker) -> None:
    engine.found = [FakeContainer("backend"), FakeContainer("backend", "2"), FakeContainer("redis")]
    for one in engine.found:
        one.say("01.0", "hello")

    assert [line.service for line in logs.recent(profile, ("backend",), 9)] == ["backend-1", "backend-2"]
    assert [line.service for line in logs.recent(profile, ("backend-2",), 9)] == ["backend-2"]


def test_the_sdk_has_what_the_fake_promises() -> None:
    taken = inspect.signature(ContainerApiMixin.logs).parameters
    assert {"tail", "timestamps", "stream", "follow", "since"} <= set(taken)
    for name in ("__iter__", "__next__", "close"):
        assert callable(getattr(CancellableStream, name))
        assert callable(getattr(FakeStream, name))
