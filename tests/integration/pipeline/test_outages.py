"""ClickHouse hangs, or is away: nothing is committed, memory stays, and what waited comes in its order.

`CCOPS_OUTAGE_S=60 pytest tests/integration/pipeline/test_outages.py -s` is the long run; it prints figures.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psutil
import pytest
from confluent_kafka import Consumer, TopicPartition

from ccops.stack import engine
from tests.freezing import frozen_service
from tests.integration.pipeline.kit import Player, Stores, Worker, until
from tests.integration.pipeline.test_faults import ACTIONS, acked, actions_of, arrived, pushed

OUTAGE_S = float(os.environ.get("CCOPS_OUTAGE_S", "12"))
GROUP = "cc.actions.clickhouse.dev"
EACH, SIZE = 20, 8_000
# 107 MiB wait in all; a worker that kept them would need more than that for its copies alone.
BULK, PORTION = 14_000, 1_000
MORE_MEMORY_MB = 104
# The ingester leaves its group when a batch waits too long; an outage of CI is shorter than that.
IMPATIENT = (
    "import ccops.backend.olap.pump as m, ccops.backend.olap.ingest as i; "
    "m._KEEP_BATCH_S, i._FRESH_S = 3.0, 2.0"
)


def hung(stores: Stores, service: str) -> AbstractContextManager[None]:
    return frozen_service(stores.load(), service)


@contextmanager
def stopped(stores: Stores, service: str) -> Iterator[None]:
    engine.down(stores.load(), (service,))
    try:
        yield
    finally:
        engine.up(stores.load(), (service,))


def committed(stores: Stores) -> int:
    """Return the sum of the group's committed offsets."""
    reader = Consumer({"bootstrap.servers": stores.bootstrap, "group.id": GROUP, "log_level": 2})
    try:
        places = reader.committed([TopicPartition(ACTIONS, part) for part in range(6)], timeout=5)
        return sum(max(0, place.offset) for place in places)
    finally:
        reader.close()


def memory_mb(worker: Worker) -> float:
    return psutil.Process(worker.process.pid).memory_info().rss / 2**20


def alive(worker: Worker) -> set[str]:
    roles = worker.get("/health").json()["roles"]
    assert set(roles) == {"kafka-relay", "realtime-relay", "ingester"}
    return {name for name, role in roles.items() if role["alive"]}


def lag(worker: Worker) -> float:
    return worker.metric('olap_ingest_lag_seconds{table="events"}')


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("outage", "patch"),
    # A frozen store is the same wait behind another error: with the rest of the night.
    [pytest.param(hung, "pass", marks=pytest.mark.nightly), (stopped, IMPATIENT)],
    ids=["frozen", "down"],
)
def test_an_outage_of_clickhouse_costs_time_only(
    stores: Stores,
    player: Callable[[], Player],
    outage: Callable[[Stores, str], AbstractContextManager[None]],
    patch: str,
) -> None:
    user = player()
    with stores.worker(patch=patch) as worker:
        user.act_fast(EACH)
        until(lambda: len(arrived(stores, user)) == EACH, 20)
        until(lambda: acked(stores, user))
        time.sleep(1)  # the commit follows the insert
        before, memory = committed(stores), memory_mb(worker)
        with outage(stores, "clickhouse"):
            # Kafka and ClickHouse are what is filled. In portions: the embedded broker answers a fetch with
            # all it has, so that who asks late would be sent the whole night at once.
            for _ in range(BULK // PORTION):
                user.act_fast(PORTION, size=SIZE, screens=False)
                until(lambda: acked(stores, user), 30)
            end = time.monotonic() + OUTAGE_S
            until(lambda: pushed(stores, user), 60)
            slowest = 0.0
            while time.monotonic() < end:
                started = time.monotonic()
                user.act_fast(EACH, size=SIZE)
                until(lambda: pushed(stores, user), 30)
                slowest = max(slowest, time.monotonic() - started)
                time.sleep(0.5)
            until(lambda: acked(stores, user), 30)
            assert committed(stores) == before
            most = memory_mb(worker)
            assert most - memory < MORE_MEMORY_MB
            assert lag(worker) > OUTAGE_S * 0.7
            until(lambda: alive(worker) == {"kafka-relay", "realtime-relay"}, 15)
        back = time.monotonic()
        wanted = actions_of(stores, user)
        # Only the number: fourteen thousand ids again and again would take the core that brings them.
        count = f"SELECT uniqExact(event_id) AS n FROM events WHERE user_id = {user.id}"
        until(lambda: int(stores.clickhouse(count)[0]["n"]) >= len(wanted), 60)
        drained = time.monotonic() - back
        assert sorted(arrived(stores, user)) == sorted(wanted)
        until(lambda: lag(worker) < 5, 15)
        until(lambda: worker.get("/health").status_code == 200)
        until(lambda: committed(stores) == before + len(wanted) - EACH)
    order = stores.clickhouse(
        "SELECT `offset` AS o, min(ingested_at) AS at FROM events"
        f" WHERE user_id = {user.id} GROUP BY o ORDER BY o"
    )
    assert [row["at"] for row in order] == sorted(row["at"] for row in order)
    print(
        f"\n{OUTAGE_S:g} s without ClickHouse: {len(wanted)} events waited, drained in {drained:.1f} s,"
        f" memory {memory:.0f} -> {most:.0f} MB, slowest push {slowest:.2f} s"
    )
