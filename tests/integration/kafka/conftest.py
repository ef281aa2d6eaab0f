"""One broker of each provider a session: whatever is said about resets must hold on each."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.integration.kafka.kit import HOUR_MS, Cluster, running, stamps

PROVIDERS = ("noida", "apache")


@pytest.fixture(scope="session", params=PROVIDERS)
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running broker."""
    with running(request.param, tmp_path_factory.mktemp(f"kafka-{request.param}")) as made:
        yield made


class Filled:
    """Three partitions of ten records, a second apart, from an hour ago; and a group that has read all."""

    def __init__(self, cluster: Cluster) -> None:
        self.start_ms = int(time.time()) * 1000 - HOUR_MS
        self.topic = cluster.topic()
        self.group = self.topic.replace(".events.", ".clickhouse.")
        cluster.produce(self.topic, {number: stamps(10, self.start_ms) for number in range(3)})
        self.at({0: 10, 1: 10, 2: 10}, cluster)

    def at(self, offsets: dict[int, int], cluster: Cluster) -> None:
        cluster.commit(self.group, {(self.topic, number): offset for number, offset in offsets.items()})

    def places(self, *offsets: int) -> dict[tuple[str, int], int]:
        return {(self.topic, number): offset for number, offset in enumerate(offsets)}

    @property
    def names(self) -> tuple[str, ...]:
        return ("--group", self.group, "--topic", self.topic)


@pytest.fixture
def filled(cluster: Cluster) -> Filled:
    """Records and a group that has read them all."""
    return Filled(cluster)
