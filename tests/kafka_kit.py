"""Brokers for tests, one of each provider, and the small things every test of a broker needs."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ccops.core.errors import Refused
from ccops.core.profile import Profile, Project, load_profile
from ccops.stack.services import kafka_jars
from tests.conftest import ROOT, Ran, run_ccops

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

PROVIDERS = ("noida", "apache")
RUN = uuid.uuid4().hex[:8]
"""What every name of this run has in it: who sweeps a broker that others use takes nothing else."""


@dataclass(frozen=True)
class Broker:
    """A broker that `ccops up kafka` started, in a home of its own; or one that is not ours to stop."""

    provider: str
    bootstrap: str
    home: Path
    ours: bool = True

    @property
    def env(self) -> dict[str, str]:
        cache = {key: os.environ[key] for key in ("CCOPS_CACHE",) if key in os.environ}
        there = {} if self.ours else {"CCOPS_KAFKA_BOOTSTRAP": self.bootstrap}
        return {"CCOPS_HOME": str(self.home), **cache, **there}

    def ccops(self, *args: str, timeout: float = 120) -> Ran:
        """Run the command line against this broker."""
        return run_ccops(*args, env=self.env, timeout=timeout)

    def patience(self, full_s: float, short_s: float) -> float:
        """Return how long to wait: what the emulation is known not to do, it does not do later either."""
        return short_s if self.provider == "noida" else full_s

    def profile(self) -> Profile:
        return load_profile("dev", Project(ROOT, self.home), self.env)

    def pid(self) -> int:
        """Return the pid of the broker now."""
        from ccops.stack import engine

        state = engine.state(self.profile())
        assert state is not None
        return state.services["kafka"].pid


def need(provider: str) -> None:
    """Skip, naming the packages, where `provider` can't run; CI makes that a failure."""
    if provider != "apache":
        return
    try:
        kafka_jars.java()
    except Refused as err:
        pytest.skip(f"{err.message}: {kafka_jars.JAVA_LINE}")
    if shutil.which("mvn") is None and not kafka_jars.folder().is_dir():
        pytest.skip(f"no jars of Apache Kafka and no Maven: {kafka_jars.MAVEN_LINE}")


@contextmanager
def running_broker(provider: str, home: Path) -> Iterator[Broker]:
    """The broker of `provider` alone, stopped at the end whatever happened."""
    need(provider)
    made = Broker(provider, "", home)
    up = made.ccops("up", "kafka", "--kafka", provider, timeout=600)
    try:
        assert up.code == 0, up.out + up.err
        ready = Broker(provider, made.profile().get("CCOPS_KAFKA_BOOTSTRAP"), home)
        _coordinate(ready.bootstrap)
        yield ready
    finally:
        down = made.ccops("down")
    assert down.code == 0, down.out + down.err


@contextmanager
def foreign_broker(bootstrap: str, home: Path) -> Iterator[Broker]:
    """A broker that others may use too; what this run made in it is removed at the end."""
    from confluent_kafka.admin import AdminClient

    _coordinate(bootstrap)
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        yield Broker(_kind(admin), bootstrap, home, ours=False)
    finally:
        left: list[str] = []

        def clean() -> bool:
            left[:] = _sweep(admin)
            return not left

        if not until(clean, 30, 0.5):
            raise RuntimeError(f"still on {bootstrap}: {', '.join(left)}")


def _kind(admin: AdminClient) -> str:
    """Return the provider: only the emulation gives every topic the id of zeros."""
    from confluent_kafka import TopicCollection
    from confluent_kafka.admin import NewTopic

    name = fresh("kind")
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(20)
    found: list[str] = []

    def seen() -> bool:
        from confluent_kafka import KafkaException

        try:
            found[:] = [str(admin.describe_topics(TopicCollection([name]))[name].result(20).topic_id)]
        except KafkaException:  # made, and not known to each broker yet
            return False
        return True

    assert until(seen)
    return "noida" if set(found[0]) == {"A"} else "apache"


def _sweep(admin: AdminClient) -> list[str]:
    """Ask for the removal of all groups and topics with this run's mark; return those that were there."""
    listed = admin.list_consumer_groups(request_timeout=10).result(20).valid
    groups = [one.group_id for one in listed if f".t{RUN}" in one.group_id]
    topics = [name for name in admin.list_topics(timeout=20).topics if f".t{RUN}" in name]
    asked = [*admin.delete_consumer_groups(groups).values()] if groups else []
    asked += [*admin.delete_topics(topics).values()] if topics else []
    for one in asked:
        one.exception(20)  # a member that is about to leave: the next round gets it
    return groups + topics


def _coordinate(bootstrap: str) -> None:
    """Wait until groups can be written: a new cluster makes its topic of offsets at the first call.

    Until then real Kafka answers an alter with an error in each partition, and the client does not raise.
    """
    from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    topic, group = fresh("warmup"), fresh("warmup")
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)

    def written() -> bool:
        asked = [ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 0)])]
        try:
            answer = admin.alter_consumer_group_offsets(asked, request_timeout=5)[group].result(10)
        except (KafkaException, TimeoutError):  # on a busy machine it takes its time
            return False
        return not any(one.error for one in answer.topic_partitions)

    assert until(written, 60)
    admin.delete_consumer_groups([group])[group].result(20)
    admin.delete_topics([topic])[topic].result(20)


def fresh(stem: str) -> str:
    """Return a name nobody else uses, in the form that our naming rule wants: cc.<domain>.<purpose>.dev."""
    return f"cc.{stem}.t{RUN}{uuid.uuid4().hex[:8]}.dev"


def until(condition: Callable[[], object], timeout_s: float = 20.0, pause_s: float = 0.05) -> bool:
    """Return whether `condition` became true in time."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause_s)
    return True
