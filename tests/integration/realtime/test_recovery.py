"""What was missed comes back whole, or the client is told that it does not."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from ccops.backend.realtime import scripts
from ccops.stack.services.valkey import _server
from tests.integration.pipeline.kit import Stores, free_port, until
from tests.integration.realtime.kit import Backend, User, closed, greeted, take

Make = Callable[[], User]


def position(seen: dict) -> str:
    return f"?epoch={seen['epoch']}&last_seq={seen['seq']}"


@pytest.mark.parametrize(("missed", "whole"), [(300, True), (301, False)])
def test_three_hundred_missed_frames_come_back_and_one_more_does_not(
    main: Backend, user: Make, stores: Stores, missed: int, whole: bool
) -> None:
    one = user()
    token = one.login()
    with main.feed(token) as feed:
        seen = greeted(feed)[0]["data"]
    one.act_fast(stores, missed)
    one.pushed(stores)
    with main.feed(token, position(seen)) as feed:
        hello, state, *replayed, done = greeted(feed)
    assert hello["data"]["recovered"] is whole
    assert [frame["seq"] for frame in replayed] == (list(range(1, 301)) if whole else [])
    assert (state["data"]["seq"], done["data"]["to"]) == (missed, missed)


def test_every_redis_restart_starts_another_epoch_even_with_its_data_kept(
    main: Backend, quick: Backend, user: Make, stores: Stores
) -> None:
    one, idle = user(), user()
    token, other = one.login(), idle.login()
    with main.feed(token) as here, quick.feed(token) as there, main.feed(other) as silent:
        for feed in (here, there, silent):
            greeted(feed)
        one.act(token)
        seen = take(here)[0]
        assert take(there)[0]["event_id"] == seen["event_id"]
        time.sleep(1.2)  # the append-only file is written every second
        stores.kill("redis")
        assert [closed(feed)[0] for feed in (here, there, silent)] == [1012] * 3
    until(lambda: _pings(stores))
    assert stores.redis().hget(f"rt:{one.id}:meta", "seq") == "1"  # all of it is still there
    missed = one.act(token)
    one.pushed(stores)
    with main.feed(token, position(seen)) as feed:
        hello, state, done = greeted(feed)
    assert (hello["data"]["recovered"], done["data"]["count"]) == (False, 0)
    assert hello["data"]["epoch"] != seen["epoch"]
    assert state["data"]["recent_actions"][0]["event_id"] == missed


def _pings(stores: Stores) -> bool:
    try:
        return bool(stores.redis().ping())
    except redis.RedisError:
        return False


def test_a_part_of_the_stream_that_vanishes_is_noticed_without_an_event(
    quick: Backend, user: Make, stores: Stores
) -> None:
    one = user()
    token = one.login()
    with quick.feed(token) as feed:
        greeted(feed)
        one.act(token)
        one.act(token)
        seen = take(feed, 2)[-1]
        stores.redis().hset(f"rt:{one.id}:meta", "seq", 1)
        stores.redis().xdel(f"rt:{one.id}:s", "2-0")
        assert closed(feed)[0] == 1012
    with quick.feed(token, position(seen)) as feed:
        hello = greeted(feed)[0]["data"]
    assert (hello["recovered"], hello["epoch"] != seen["epoch"]) == (False, True)


def test_an_event_that_nobody_announced_comes_with_the_next_position_check(
    quick: Backend, user: Make, stores: Stores
) -> None:
    one = user()
    token = one.login()
    with quick.feed(token) as feed:
        greeted(feed)
        one.act(token)
        seen = take(feed)[0]
        cache = stores.redis()
        text = cache.xrevrange(f"rt:{one.id}:s", count=1)[0][1]["f"]
        quiet = text.replace('"seq":1,', '"seq":2,').replace(seen["event_id"], "unannounced")
        cache.xadd(f"rt:{one.id}:s", {"f": quiet}, "2-0")
        cache.hset(f"rt:{one.id}:meta", "seq", 2)
        assert take(feed, seconds=2)[0]["event_id"] == "unannounced"


def test_an_event_that_is_numbered_and_nowhere_to_be_read_ends_the_socket(
    quick: Backend, user: Make, stores: Stores
) -> None:
    one = user()
    token = one.login()
    with quick.feed(token) as feed:
        greeted(feed)
        one.act(token)
        seen = take(feed)[0]
        cache = stores.redis()
        with cache.pipeline() as pipe:
            # As a Redis short of memory does: it evicts the stream, whose newest frame nobody announced.
            pipe.delete(f"rt:{one.id}:s")
            pipe.hset(f"rt:{one.id}:meta", "seq", 2)
            pipe.execute()
        assert closed(feed)[0] == 1012
    with quick.feed(token, position(seen)) as feed:
        assert greeted(feed)[0]["data"]["recovered"] is False


class Store:
    """A Valkey of our own, to be killed and given older files; speaks to the scripts as the relay does."""

    def __init__(self, folder: Path) -> None:
        self.port, self.folder = free_port(), folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> redis.Redis:
        argv = [_server(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        argv += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        argv += ["--repl-diskless-sync-delay", "0"]
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        client = redis.Redis(port=self.port, decode_responses=True)
        until(lambda: _answers(client))
        return client

    def kill(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(5)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


@contextmanager
def _store(folder: Path) -> Iterator[Store]:
    store = Store(folder)
    try:
        yield store
    finally:
        store.kill()


def publish(client: redis.Redis, number: int) -> int:
    keys = (scripts.guard_key(1, f"e{number}"), scripts.meta_key(1), scripts.stream_key(1))
    return client.eval(scripts.PUBLISH, 3, *keys, secrets.token_hex(8), '{"user_id":1', "rt:pub")


def join(client: redis.Redis, epoch: str = "", last: int = 0) -> list:
    keys = (scripts.meta_key(1), scripts.stream_key(1))
    return client.eval(scripts.JOIN, 2, *keys, secrets.token_hex(8), epoch, str(last))


@pytest.mark.parametrize("first", ["publish", "join"])
def test_an_older_copy_of_redis_is_never_taken_for_the_stream(tmp_path: Path, first: str) -> None:
    live, copy = tmp_path / "live", tmp_path / "copy"
    live.mkdir()
    with _store(live) as store:
        client = store.start()
        for number in range(1, 4):
            assert publish(client, number) == number
        shutil.copytree(live, copy)
        for number in range(4, 8):
            publish(client, number)
        epoch, top = join(client)[:2]
        client.close()
        store.kill()
        shutil.rmtree(live)
        shutil.copytree(copy, live)
        client = store.start()
        # A client that saw frame 2 asks now. The copy ends with frame 3: 4 to 7 are gone, and nobody will
        # ever send them again.
        assert (top, client.hget(scripts.meta_key(1), "seq")) == (7, "3")
        if first == "publish":
            assert publish(client, 8) == 1
        again, seq = join(client, epoch, 2)[:2]
        client.close()
    assert again != epoch
    assert seq == (1 if first == "publish" else 0)


def test_an_epoch_lives_on_while_nothing_was_lost(tmp_path: Path) -> None:
    with _store(tmp_path) as store, store.start() as client:
        epoch = join(client)[0]
        assert [publish(client, number) for number in (1, 2, 2, 3)] == [1, 2, 0, 3]
        assert join(client, epoch, 2)[:2] == [epoch, 3]
        assert join(client, epoch, 4)[0] != epoch


def test_a_promoted_replica_starts_another_epoch(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with _store(tmp_path / "one") as first, _store(tmp_path / "two") as second:
        master, replica = first.start(), second.start()
        replica.replicaof("127.0.0.1", first.port)
        until(lambda: replica.info("replication").get("master_link_status") == "up")
        publish(master, 1)
        epoch = join(master)[0]
        until(lambda: replica.hget(scripts.meta_key(1), "epoch") == epoch)
        replica.replicaof("NO", "ONE")
        assert join(replica, epoch, 1)[0] != epoch
        master.close()
        replica.close()
