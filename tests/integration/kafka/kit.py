"""A real broker, topics with records at known times, groups with commits, and the CLI on them."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from ccops.__main__ import main
from ccops.core.profile import Profile, Project, load_profile
from ccops.kafka.broker import Broker, open_broker
from ccops.kafka.run import Context, Options
from ccops.stack import engine
from tests.conftest import Ran
from tests.kafka_kit import need

_numbers = itertools.count(1)
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Cluster:
    """A broker of a provider in a project of its own; `env` is the profile that the tests use."""

    provider: str
    root: Path
    bootstrap: str

    @property
    def env(self) -> dict[str, str]:
        return {"CCOPS_HOME": str(self.root / "home"), "CCOPS_PROJECT": str(self.root)}

    def load(self, env: str = "dev") -> Profile:
        environ = {"CCOPS_HOME": str(self.root / "home")}
        return load_profile(env, Project(self.root, self.root / "home"), environ)

    def ccops(self, *args: str, env: Mapping[str, str] | None = None) -> Ran:
        """Run the CLI in this process: it is the same code, and starting Python is most of a call's time."""
        out, err = io.StringIO(), io.StringIO()
        settings = self.env | dict(env or {})
        before = {key: os.environ.get(key) for key in settings}
        os.environ.update(settings)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(list(args))
        finally:
            for key, value in before.items():
                os.environ.pop(key, None) if value is None else os.environ.update({key: value})
        return Ran(code, out.getvalue(), err.getvalue())

    def transaction(self, ident: str) -> Producer:
        """Return a producer that has begun a transaction; whoever asked ends it."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "transactional.id": ident, "log_level": 0})
        producer.init_transactions(20)
        producer.begin_transaction()
        return producer

    def admin(self) -> AdminClient:
        return _admin(self.bootstrap)  # kept: futures of a client that is gone never end well

    def topic(self, partitions: int = 3) -> str:
        """Make a topic that keeps records whatever their time."""
        name = f"cc.t{next(_numbers)}{secrets.token_hex(2)}.events.dev"
        self.create(name, partitions)
        return name

    def create(self, name: str, partitions: int = 3) -> None:
        new = NewTopic(name, partitions, 1, config={"retention.ms": "-1"})
        for future in self.admin().create_topics([new]).values():
            future.result(10)
        until_topic(self, name, there=True)

    def delete(self, name: str) -> None:
        for future in self.admin().delete_topics([name]).values():
            future.result(10)
        until_topic(self, name, there=False)

    def grow(self, name: str, count: int) -> None:
        for future in self.admin().create_partitions([NewPartitions(name, count)]).values():
            future.result(10)
        until(lambda: len(self.admin().list_topics(topic=name, timeout=5).topics[name].partitions) == count)

    def produce(self, topic: str, times: Mapping[int, list[int]], **settings: object) -> None:
        """Write one record a time (ms) into each partition; the value is its event_id."""
        producer = Producer(
            {"bootstrap.servers": self.bootstrap, "linger.ms": 50, "log_level": 0, **settings}
        )
        for partition, stamps in times.items():
            for stamp in stamps:
                value = json.dumps({"event_id": f"{topic}-{partition}-{stamp}"})
                producer.produce(topic, value, partition=partition, timestamp=stamp)
        assert producer.flush(20) == 0

    def commit(self, group: str, offsets: Mapping[tuple[str, int], int]) -> None:
        places = [TopicPartition(*place, offset) for place, offset in offsets.items()]
        until(lambda: self._alter(group, places))  # a coordinator that has just begun says so

    def _alter(self, group: str, places: list[TopicPartition]) -> bool:
        asked = self.admin().alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])
        (done,) = (future.result(10) for future in asked.values())
        return all(item.error is None for item in done.topic_partitions)

    def committed(self, group: str) -> dict[tuple[str, int], int]:
        with self.broker() as broker:
            broker.describe([group])
            return {place: item.offset for place, item in broker.committed(group).items()}

    def groups(self) -> set[str]:
        with self.broker() as broker:
            return set(broker.groups())

    @contextmanager
    def broker(self) -> Iterator[Broker]:
        with open_broker(self.bootstrap) as broker:
            yield broker

    @contextmanager
    def context(self, options: Options | None = None, env: str = "dev") -> Iterator[Context]:
        with self.broker() as broker:
            yield Context(self.load(env), broker, options or Options())

    @contextmanager
    def member(self, group: str, topic: str) -> Iterator[Consumer]:
        """A consumer that has joined `group`, and leaves in good order."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": group,
                "client.id": "somebody",
                "partition.assignment.strategy": "range",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        consumer.subscribe([topic])
        try:
            until(lambda: consumer.poll(0.1) is not None or consumer.assignment(), 20)
            yield consumer
        finally:
            consumer.close()

    def audit(self, env: str = "dev") -> list[dict[str, object]]:
        path = self.root / "home" / env / "kafka" / "audit.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def runs(self, env: str = "dev") -> list[Path]:
        return sorted((self.root / "home" / env / "kafka" / "runs").glob("*.json"))

    def patched(self, patch: str, *args: str) -> subprocess.CompletedProcess[str]:
        """Run `ccops ARGS` in a process in which `patch` ran first."""
        code = f"import os, sys\n{patch}\nfrom ccops.__main__ import main\nsys.exit(main(sys.argv[1:]))"
        env = {key: value for key, value in os.environ.items() if not key.startswith("CCOPS_")}
        return subprocess.run(
            [sys.executable, "-c", code, *args],
            env=env | self.env,
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def kill(self) -> None:
        """Kill -9 the broker; the supervisor brings it back."""
        until(lambda: self.pid() > 1)  # between two lives it is 0, and that would be ourselves
        os.kill(self.pid(), signal.SIGKILL)

    def pid(self) -> int:
        state = engine.state(self.load())
        assert state is not None
        return state.services["kafka"].pid or 0


@functools.cache
def _admin(bootstrap: str) -> AdminClient:
    quiet = {"log_level": 0, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200}
    return AdminClient({"bootstrap.servers": bootstrap, "error_cb": lambda error: None, **quiet})


def until(done: object, seconds: float = 20.0) -> None:
    """Wait until `done` is true."""
    assert callable(done)
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"not within {seconds:g} s"
        time.sleep(0.05)


def until_topic(cluster: Cluster, name: str, *, there: bool) -> None:
    """Wait until everybody agrees that the topic exists, or does not."""
    admin = cluster.admin()
    until(lambda: (name in admin.list_topics(timeout=5).topics) is there)


def stamps(count: int, start_ms: int, step_ms: int = 1000) -> list[int]:
    """Return `count` times, `step_ms` apart."""
    return [start_ms + number * step_ms for number in range(count)]


@contextmanager
def running(provider: str, root: Path) -> Iterator[Cluster]:
    """A cluster of `provider` under `root`; the profile `prod` is protected and has the same address."""
    for name in ("env", "scenarios"):
        (root / name).mkdir()
    dev = f"CCOPS_STACK=embedded\nCCOPS_PROTECTED=0\nAPP_ENV=dev\nCCOPS_KAFKA_PROVIDER={provider}\n"
    (root / "env" / "dev.env").write_text(dev, encoding="utf-8")
    need(provider)
    made = Cluster(provider, root, "")
    engine.up(made.load(), ("kafka",))
    try:
        bootstrap = made.load().get("CCOPS_KAFKA_BOOTSTRAP")
        prod = f"CCOPS_STACK=external\nCCOPS_PROTECTED=1\nAPP_ENV=dev\nCCOPS_KAFKA_BOOTSTRAP={bootstrap}\n"
        (root / "env" / "prod.env").write_text(prod, encoding="utf-8")
        yield Cluster(provider, root, bootstrap)
    finally:
        engine.down(made.load())
