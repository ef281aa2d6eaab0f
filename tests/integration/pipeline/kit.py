"""Clients and processes of the pipeline tests."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from psycopg.rows import dict_row
from websockets.sync.client import ClientConnection, connect

from ccops.core.profile import Profile
from ccops.stack import engine
from tests.web import http_client, web

_MAIN = "import sys; from ccops.backend import worker; {patch}; sys.exit(worker.main(['--roles', {roles!r}]))"
ALL_ROLES = "kafka-relay,realtime-relay,ingester"
_numbers = itertools.count(1)


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(done: Callable[[], object], seconds: float = 45.0) -> object:
    """Return the first true answer; fail with the last one."""
    end = time.monotonic() + seconds
    while not (answer := done()):
        assert time.monotonic() < end, f"still {answer!r} after {seconds:g} s"
        time.sleep(0.02)
    return answer


class Database:
    """One connection for all questions, from any thread; a new one when a test has killed the server."""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url, self._lock = url, threading.Lock()
        self._conn: psycopg.Connection[dict[str, Any]] | None = None

    def run(self, query: str, *args: object) -> list[dict]:
        """Run it once; raises psycopg.OperationalError while the server is away."""
        with self.transaction() as conn:
            cursor = conn.execute(query.encode(), args or None)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        with self._lock, self._living().transaction():
            assert self._conn is not None
            yield self._conn

    def close(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    def _living(self) -> psycopg.Connection[dict[str, Any]]:
        if self._conn is not None:
            try:
                self._conn.execute("SELECT 1")
            except psycopg.OperationalError:
                self.close()
        if self._conn is None:
            self._conn = psycopg.connect(
                self._url(), autocommit=True, row_factory=dict_row, prepare_threshold=None
            )
        return self._conn


@dataclass
class Stores:
    """The running stores, and independent clients for them."""

    load: Callable[[], Profile]
    folder: Path

    def __post_init__(self) -> None:
        self.database = Database(lambda: self.url("DATABASE_URL"))

    def close(self) -> None:
        self.database.close()

    def url(self, name: str) -> str:
        return self.load().get(f"CCOPS_{name}")

    @property
    def bootstrap(self) -> str:
        return self.url("KAFKA_BOOTSTRAP")

    def sql(self, query: str, *args: object) -> list[dict]:
        return self.database.run(query, *args)

    def clickhouse(self, query: str) -> list[dict]:
        url = httpx.URL(self.url("CLICKHOUSE_URL"))
        answer = web.post(
            url.copy_with(path="/", username=None, password=None),
            params={"database": "casino"},
            headers={"X-ClickHouse-User": url.username, "X-ClickHouse-Key": url.password},
            content=f"{query} FORMAT JSONEachRow",
        )
        answer.raise_for_status()
        return [json.loads(line) for line in answer.text.splitlines()]

    def clickhouse_run(self, statement: str) -> None:
        """Run what is no question."""
        url = httpx.URL(self.url("CLICKHOUSE_URL"))
        target = url.copy_with(path="/", username=None, password=None)
        headers = {"X-ClickHouse-User": url.username, "X-ClickHouse-Key": url.password}
        web.post(target, headers=headers, content=statement).raise_for_status()

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.url("REDIS_URL"), decode_responses=True)

    def records(self, topic: str) -> list[dict]:
        """Return every record of `topic`, without joining a group."""
        reader = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "reader", "log_level": 2})
        try:
            parts = reader.list_topics(topic, timeout=5).topics[topic].partitions
            places = [TopicPartition(topic, part) for part in parts]
            ends = {p.partition: reader.get_watermark_offsets(p, timeout=5, cached=False) for p in places}
            wanted = sum(high - low for low, high in ends.values())
            reader.assign([TopicPartition(topic, part, low) for part, (low, _) in ends.items()])
            found: list[dict] = []
            end = time.monotonic() + 10
            while len(found) < wanted and time.monotonic() < end:
                for message in reader.consume(500, 0.2):
                    if message.error() is None:
                        found.append(
                            {
                                "partition": message.partition(),
                                "offset": message.offset(),
                                "key": message.key(),
                                "value": message.value(),
                                "headers": {k: v.decode() for k, v in message.headers() or []},
                            }
                        )
            return found
        finally:
            reader.close()

    def produce(self, topic: str, value: bytes) -> None:
        self.produce_many(topic, [value])

    def produce_many(self, topic: str, values: list[bytes]) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap, "log_level": 2})
        for value in values:
            producer.produce(topic, value, key=b"1", headers=[("event_id", b"none")])
        assert producer.flush(5) == 0

    def kill(self, service: str) -> None:
        """Kill -9 the process that owns the service's port; the supervisor starts it again."""
        pid = engine.pid_of(self.load(), service)
        assert pid
        os.kill(pid, signal.SIGKILL)
        if service == "postgres":
            self.database.close()  # our own session outlives the server by a moment, and would still answer

    def forget_ghosts(self) -> None:
        """What the stack does before a killed worker returns: this broker never expires a dead member."""
        engine.restart(self.load(), "kafka")

    @contextmanager
    def worker(self, roles: str = ALL_ROLES, *, patch: str = "pass") -> Iterator[Worker]:
        """Run a worker; `patch` is Python that runs in it first."""
        running = Worker(self, roles, patch)
        well = False
        try:
            running.wait_ready()
            yield running
            well = True
        finally:
            running.stop()
            if not well and "ingester" in roles:
                self.forget_ghosts()  # one red test must not make all that follow red


class Worker:
    """A worker process."""

    def __init__(self, stores: Stores, roles: str, patch: str) -> None:
        self.port = free_port()
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(stores.folder),
            "APP_ENV": "dev",
            "DATABASE_URL": stores.url("DATABASE_URL"),
            "REDIS_URL": stores.url("REDIS_URL"),
            "KAFKA_BOOTSTRAP": stores.bootstrap,
            "CLICKHOUSE_URL": stores.url("CLICKHOUSE_URL"),
            "WORKER_HTTP_PORT": str(self.port),
        }
        self.log = stores.folder / f"worker-{next(_numbers)}.log"
        self.armed = self.log.with_suffix(".armed")
        env["ARMED"] = str(self.armed)
        argv = [sys.executable, "-c", _MAIN.format(patch=patch, roles=roles)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(argv, env=env, stdout=log, stderr=subprocess.STDOUT)

    def get(self, path: str) -> httpx.Response:
        return web.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)

    def metric(self, line: str) -> float:
        """Return the value of the sample that starts with `line`; 0 when there is none."""
        for found in self.get("/metrics").text.splitlines():
            if found.startswith(f"{line} "):
                return float(found.rpartition(" ")[2])
        return 0.0

    def healthy(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        try:
            return self.get("/health").status_code == 200
        except httpx.HTTPError:
            return False

    def wait_ready(self) -> None:
        until(self.healthy, 20)

    def arm(self) -> None:
        """From now on the planted death counts: what a worker catches up with at its start does not."""
        self.armed.touch()

    def wait_dead(self) -> None:
        assert self.process.wait(20) == -signal.SIGKILL, self.log.read_text()[-2000:]

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(15) in {0, -signal.SIGKILL}, self.log.read_text()[-2000:]


@dataclass
class Player:
    """A user of one test."""

    stores: Stores
    id: int
    token: str

    def act(self, kind: str = "LOGIN", count: int = 1, trace: str = "") -> list[str]:
        """Do something over HTTP; return the event ids."""
        ids = []
        with http_client(self.stores.url("BACKEND_URL")) as http:
            for _ in range(count):
                headers = {"Authorization": f"Bearer {self.token}"}
                if trace:
                    headers["traceparent"] = f"00-{trace}-{secrets.token_hex(8)}-01"
                answer = http.post("/api/actions", json={"action_type": kind, "context": {}}, headers=headers)
                assert answer.status_code == 201, answer.text
                ids.append(answer.json()["event_id"])
        return ids

    def act_fast(self, count: int, *, size: int = 0, screens: bool = True) -> None:
        """Do `count` things in one transaction, each with `size` bytes of context, told to screens or not."""
        ctx = json.dumps({"trace_id": uuid.uuid4().hex, "request_id": "pipeline-test", "env": "dev"})
        context = json.dumps({"fill": "x" * size})
        act = "SELECT cc_action(%s::jsonb, %s, NULL, 'BULK', %s::jsonb, NULL) FROM generate_series(1, %s)"
        with self.stores.database.transaction() as conn:
            conn.execute(act, (ctx, self.id, context, count))
            if not screens:
                conn.execute("UPDATE outbox SET realtime = false WHERE user_id = %s", (self.id,))

    @contextmanager
    def feed(self, query: str = "", *, token: str = "", **more: object) -> Iterator[ClientConnection]:
        """Open the realtime channel."""
        url = self.stores.url("BACKEND_URL").replace("http", "ws", 1) + "/api/realtime/sync" + query
        protocols = ["cc.v1", f"bearer.{token or self.token}"]
        with connect(url, subprotocols=protocols, proxy=None, **more) as feed:
            yield feed


def frames(feed: ClientConnection, wanted: int, *, seconds: float = 10.0) -> list[dict]:
    """Return the next `wanted` frames."""
    return [json.loads(feed.recv(seconds)) for _ in range(wanted)]


def greeting(feed: ClientConnection) -> list[dict]:
    """Return every frame up to `backfill_complete`."""
    got: list[dict] = []
    while not got or got[-1]["type"] != "backfill_complete":
        got += frames(feed, 1)
    return got


def silent(feed: ClientConnection, seconds: float = 0.5) -> bool:
    """Return whether nothing comes for a while."""
    try:
        feed.recv(seconds)
    except TimeoutError:
        return True
    return False
