"""One event, followed by its event_id and trace_id through every system."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable

import pytest

from tests.integration.pipeline.kit import Player, Stores, frames, greeting, silent, until

ACTIONS = "cc.actions.events.dev"


def test_one_event_reaches_the_socket_kafka_and_clickhouse_once(
    stores: Stores, player: Callable[[], Player]
) -> None:
    user, trace = player(), secrets.token_hex(16)
    with stores.worker(), user.feed() as feed:
        greeting(feed)
        (event,) = user.act(trace=trace)
        (frame,) = frames(feed, 1)
        row = until(lambda: stores.clickhouse(f"SELECT * FROM events WHERE event_id = '{event}'"))[0]
        records = [r for r in stores.records(ACTIONS) if r["headers"]["event_id"] == event]
        assert silent(feed)

    assert (frame["event_id"], frame["trace_id"], frame["type"]) == (event, trace, "user_action")
    assert (frame["user_id"], frame["seq"]) == (user.id, 1)
    assert len(records) == 1
    value = json.loads(records[0]["value"])
    assert (value["event_id"], value["trace_id"], value["user_id"]) == (event, trace, user.id)
    assert (records[0]["key"], records[0]["headers"]["trace_id"]) == (str(user.id).encode(), trace)
    assert (row["trace_id"], int(row["user_id"]), row["action_type"]) == (trace, user.id, "LOGIN")
    marks = stores.sql("SELECT * FROM outbox WHERE event_id = %s", event)[0]
    assert (marks["kafka_partition"], marks["kafka_offset"]) == (
        records[0]["partition"],
        records[0]["offset"],
    )
    assert marks["pushed_at"] is not None
    assert (row["topic"], row["partition"], int(row["offset"])) == (
        ACTIONS,
        records[0]["partition"],
        records[0]["offset"],
    )


def test_a_repeated_push_changes_nothing(stores: Stores, player: Callable[[], Player]) -> None:
    user = player()
    with stores.worker("realtime-relay"), user.feed() as feed:
        greeting(feed)
        user.act(count=3)
        assert [frame["seq"] for frame in frames(feed, 3)] == [1, 2, 3]
        stores.sql("UPDATE outbox SET pushed_at = NULL WHERE user_id = %s AND realtime", user.id)
        pending = "SELECT 1 FROM outbox WHERE user_id = %s AND realtime AND pushed_at IS NULL"
        until(lambda: not stores.sql(pending, user.id))
        assert silent(feed)
        assert stores.redis().xlen(f"rt:{user.id}:s") == 3


def test_frames_of_one_user_come_in_outbox_order(stores: Stores, player: Callable[[], Player]) -> None:
    user = player()
    with stores.worker("realtime-relay"), user.feed() as feed:
        greeting(feed)
        user.act_fast(50)
        got = frames(feed, 50)
    written = stores.sql(
        "SELECT event_id::text FROM outbox WHERE user_id = %s AND realtime ORDER BY id", user.id
    )
    assert [frame["event_id"] for frame in got] == [row["event_id"] for row in written]
    assert [frame["seq"] for frame in got] == list(range(1, 51))


def test_a_malformed_record_goes_to_the_dead_letters_and_the_next_one_through(
    stores: Stores, player: Callable[[], Player]
) -> None:
    user, mark = player(), secrets.token_hex(8).encode()
    with stores.worker() as worker:
        stores.produce(ACTIONS, b'{"event_id": "' + mark)
        (event,) = user.act()
        until(lambda: stores.clickhouse(f"SELECT 1 FROM events WHERE event_id = '{event}'"))
        until(lambda: worker.metric('kafka_dlq_total{topic="cc.actions.events.dev"}') == 1)
    dead = [r for r in stores.records("cc.ops.dlq.dev") if mark in r["value"]]
    assert len(dead) == 1
    assert dead[0]["headers"]["group"] == "cc.actions.clickhouse.dev"
    assert dead[0]["headers"]["source"].startswith(f"{ACTIONS}/")
    assert dead[0]["headers"]["tries"] == "3"
    assert dead[0]["headers"]["error"]


@pytest.mark.parametrize("role", ["kafka-relay", "realtime-relay", "ingester"])
def test_health_and_metrics_name_each_role(stores: Stores, role: str) -> None:
    with stores.worker(role) as worker:
        body = worker.get("/health").json()
        assert (body["status"], list(body["roles"])) == ("ok", [role])
        until(lambda: worker.metric(f'worker_role_up{{role="{role}"}}') == 1)
        assert worker.get("/nothing").status_code == 404


def test_a_second_worker_stands_by_and_takes_over(stores: Stores, player: Callable[[], Player]) -> None:
    user = player()
    up = 'worker_role_up{role="realtime-relay"}'
    with stores.worker("realtime-relay") as second_to_none, user.feed() as feed:
        greeting(feed)
        with stores.worker("realtime-relay") as standby:
            assert (second_to_none.metric(up), standby.metric(up)) == (1, 0)
            second_to_none.process.kill()
            until(lambda: standby.metric(up) == 1)
            user.act()
            assert frames(feed, 1)[0]["seq"] == 1
