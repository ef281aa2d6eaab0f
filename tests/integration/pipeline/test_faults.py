"""kill -9 at the worst moments: whatever dies, every event id ends in ClickHouse, once."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient

from tests.integration.pipeline.kit import Player, Stores, until

ACTIONS = "cc.actions.events.dev"
# The worker kills itself at a chosen line, the third time it comes there after the test armed it.
_DIE = (
    "import os, signal, ccops.backend.{module} as m; real, calls = m.{owner}{name}, []; "
    "armed = lambda: os.path.exists(os.environ['ARMED']); "
    "m.{owner}{name} = lambda *a, **k: (calls.append(1) if armed() else None, "
    "os.kill(os.getpid(), signal.SIGKILL) if len(calls) == 3 else None, real(*a, **k))[2]"
)
# The other moments are in test_roles.py, where each role dies alone.
BETWEEN_PRODUCE_AND_MARK = _DIE.format(module="relays.kafka", owner="outbox.", name="mark_acked")
BEFORE_THE_INSERT = _DIE.format(module="olap.pump", owner="ClickHouse.", name="insert")
BETWEEN_INSERT_AND_COMMIT = _DIE.format(module="olap.pump", owner="", name="commit")
BETWEEN_PUSH_AND_MARK = _DIE.format(module="relays.realtime", owner="outbox.", name="mark_pushed")


def actions_of(stores: Stores, user: Player) -> set[str]:
    return {
        r["e"] for r in stores.sql("SELECT event_id::text AS e FROM user_actions WHERE user_id = %s", user.id)
    }


def arrived(stores: Stores, user: Player) -> list[str]:
    found = stores.clickhouse(f"SELECT event_id FROM events FINAL WHERE user_id = {user.id}")
    return [row["event_id"] for row in found]


def all_arrive_once(stores: Stores, user: Player, seconds: float = 30) -> None:
    wanted = actions_of(stores, user)
    until(lambda: set(arrived(stores, user)) == wanted, seconds)
    assert len(arrived(stores, user)) == len(wanted)
    twice = "SELECT 1 FROM outbox a JOIN outbox b USING (topic, kafka_partition, kafka_offset)"
    assert stores.sql(f"{twice} WHERE a.user_id = %s AND a.id <> b.id", user.id) == []


def acked(stores: Stores, user: Player) -> bool:
    query = "SELECT 1 FROM outbox WHERE user_id = %s AND topic IS NOT NULL AND kafka_acked_at IS NULL"
    return not stores.sql(query, user.id)


def pushed(stores: Stores, user: Player) -> bool:
    query = "SELECT 1 FROM outbox WHERE user_id = %s AND realtime AND pushed_at IS NULL"
    return not stores.sql(query, user.id)


@pytest.mark.fault
def test_a_broker_killed_right_after_the_acknowledgement_loses_nothing(
    stores: Stores, player: Callable[[], Player]
) -> None:
    """The broker writes twice a second; if it did so just before the kill it forgot nothing, so again."""
    user = player()
    with stores.worker() as worker:
        for _ in range(3):
            user.act_fast(10)
            until(lambda: acked(stores, user))
            stores.kill("kafka")
            user.act_fast(10)
            all_arrive_once(stores, user)
            until(lambda: acked(stores, user))
            if worker.metric("outbox_republished_total"):
                break
        assert worker.metric("outbox_republished_total") >= 1


@pytest.mark.fault
def test_a_broker_killed_a_moment_after_the_acknowledgement_loses_nothing(
    stores: Stores, player: Callable[[], Player]
) -> None:
    user = player()
    with stores.worker():
        user.act_fast(30)
        until(lambda: acked(stores, user))
        time.sleep(0.3)  # part of the records may be written by now
        stores.kill("kafka")
        user.act_fast(10)
        all_arrive_once(stores, user)
        until(lambda: acked(stores, user))


@pytest.mark.fault
def test_a_worker_of_all_roles_killed_before_an_insert_loses_nothing(
    stores: Stores, player: Callable[[], Player]
) -> None:
    user = player()
    with stores.worker(patch=BEFORE_THE_INSERT) as worker:
        worker.arm()
        for _ in range(3):
            user.act_fast(5)
            until(
                lambda: (
                    worker.process.poll() is not None
                    or set(arrived(stores, user)) == actions_of(stores, user)
                )
            )
        worker.wait_dead()
    user.act_fast(5)
    stores.forget_ghosts()
    with stores.worker():
        all_arrive_once(stores, user)


@pytest.mark.fault
def test_a_deleted_topic_is_made_again_and_filled_again(stores: Stores, player: Callable[[], Player]) -> None:
    user = player()
    with stores.worker("kafka-relay"):
        user.act_fast(10)
        until(lambda: acked(stores, user))
    admin = AdminClient({"bootstrap.servers": stores.bootstrap})
    admin.delete_topics([ACTIONS])[ACTIONS].result(5)
    with stores.worker():
        user.act_fast(1)
        all_arrive_once(stores, user)
        until(lambda: acked(stores, user))
    held = {record["headers"]["event_id"] for record in stores.records(ACTIONS)}
    assert actions_of(stores, user) <= held


@pytest.mark.fault
def test_clickhouse_away_means_kept_and_not_committed(stores: Stores, player: Callable[[], Player]) -> None:
    user = player()
    with stores.worker():
        user.act_fast(5)
        until(lambda: len(arrived(stores, user)) == 5)
        stores.kill("clickhouse")
        user.act_fast(5)
        until(lambda: acked(stores, user))
        until(lambda: _answers(stores))
        all_arrive_once(stores, user)


def _answers(stores: Stores) -> bool:
    import httpx

    try:
        return bool(stores.clickhouse("SELECT 1 AS one"))
    except httpx.HTTPError:
        return False
