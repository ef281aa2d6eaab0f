"""Each role in a process of its own, and each killed alone between two systems: no id is lost or doubled."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.integration.pipeline.kit import Player, Stores, Worker, until
from tests.integration.pipeline.test_faults import (
    ACTIONS,
    BETWEEN_INSERT_AND_COMMIT,
    BETWEEN_PRODUCE_AND_MARK,
    BETWEEN_PUSH_AND_MARK,
)

ROLES = ("kafka-relay", "realtime-relay", "ingester")
WORST_MOMENT = {
    "kafka-relay": BETWEEN_PRODUCE_AND_MARK,
    "realtime-relay": BETWEEN_PUSH_AND_MARK,
    "ingester": BETWEEN_INSERT_AND_COMMIT,
}


@contextmanager
def apart(stores: Stores, *, doomed: str = "") -> Iterator[dict[str, Worker]]:
    """Run every role in its own process; `doomed` dies by kill -9 the third time it comes to its moment."""
    workers: dict[str, Worker] = {}
    try:
        for role in ROLES:
            patch = WORST_MOMENT[role] if role == doomed else "pass"
            workers[role] = Worker(stores, role, patch)
        for worker in workers.values():
            worker.wait_ready()
        yield workers
    except BaseException:
        stores.forget_ghosts()  # one red test must not make all that follow red
        raise
    finally:
        for worker in workers.values():
            worker.stop()


def ids_of(stores: Stores, user: Player) -> set[str]:
    rows = stores.sql("SELECT event_id::text AS e FROM user_actions WHERE user_id = %s", user.id)
    return {row["e"] for row in rows}


def framed(stores: Stores, user: Player) -> list[str]:
    frames = [json.loads(fields["f"]) for _, fields in stores.redis().xrange(f"rt:{user.id}:s")]
    return [frame["event_id"] for frame in frames if frame["type"] == "user_action"]


def stored(stores: Stores, user: Player) -> list[str]:
    held = stores.clickhouse(f"SELECT event_id FROM events FINAL WHERE user_id = {user.id}")
    return [row["event_id"] for row in held]


def sent(stores: Stores, user: Player) -> list[str]:
    mine = [r for r in stores.records(ACTIONS) if r["key"] == str(user.id).encode()]
    return list({r["headers"]["event_id"] for r in mine})


# The event ids of the user's actions as each system holds them; the dearest question, a whole topic, last.
EVERYWHERE = {"frames": framed, "clickhouse": stored, "kafka": sent}


def settled(stores: Stores, user: Player) -> bool:
    wanted = ids_of(stores, user)
    return all(set(ids(stores, user)) == wanted for ids in EVERYWHERE.values())


@pytest.mark.fault
@pytest.mark.parametrize("doomed", ROLES)
def test_a_role_killed_alone_loses_nothing_and_stops_nobody_else(
    stores: Stores, player: Callable[[], Player], doomed: str
) -> None:
    user = player()
    with apart(stores, doomed=doomed) as workers:
        workers[doomed].arm()
        for _ in range(3):
            user.act_fast(5)
            until(lambda: workers[doomed].process.poll() is not None or settled(stores, user), 20)
        workers[doomed].wait_dead()
        for role, worker in workers.items():
            assert role == doomed or worker.healthy()
        user.act_fast(5)
        if doomed == "ingester":
            stores.forget_ghosts()
        with stores.worker(doomed):
            until(lambda: settled(stores, user), 30)

    wanted = ids_of(stores, user)
    assert len(wanted) == 20
    for name, ids in EVERYWHERE.items():
        assert sorted(ids(stores, user)) == sorted(wanted), name
    written = stores.sql(
        "SELECT event_id::text AS e FROM outbox WHERE user_id = %s AND type = 'user_action' ORDER BY id",
        user.id,
    )
    assert framed(stores, user) == [row["e"] for row in written]
