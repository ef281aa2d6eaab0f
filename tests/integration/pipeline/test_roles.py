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


def everywhere(stores: Stores, user: Player) -> dict[str, list[str]]:
    """Return the event ids of the user's actions as each system holds them; frames in their order."""
    held = stores.clickhouse(f"SELECT event_id FROM events FINAL WHERE user_id = {user.id}")
    sent = [r for r in stores.records(ACTIONS) if r["key"] == str(user.id).encode()]
    frames = [json.loads(fields["f"]) for _, fields in stores.redis().xrange(f"rt:{user.id}:s")]
    return {
        "clickhouse": [row["event_id"] for row in held],
        "kafka": list({r["headers"]["event_id"] for r in sent}),
        "frames": [frame["event_id"] for frame in frames if frame["type"] == "user_action"],
    }


def settled(stores: Stores, user: Player) -> bool:
    wanted = ids_of(stores, user)
    return all(set(ids) == wanted for ids in everywhere(stores, user).values())


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
    for name, ids in everywhere(stores, user).items():
        assert sorted(ids) == sorted(wanted), name
    written = stores.sql(
        "SELECT event_id::text AS e FROM outbox WHERE user_id = %s AND type = 'user_action' ORDER BY id",
        user.id,
    )
    assert everywhere(stores, user)["frames"] == [row["e"] for row in written]
