"""The walk on the whole stack: the worker stops, its group goes back, and ClickHouse reads it all again."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from ccops.core.clock import SystemClock, iso
from tests.conftest import Stack
from tests.integration.kafka.kit import until

GROUP, TOPIC = "cc.actions.clickhouse.dev", "cc.actions.events.dev"


def event_ids(stack: Stack, player: int, final: str = "FINAL") -> list[str]:
    """Return the ids that ClickHouse has of a player, deduplicated or as rows."""
    url = httpx.URL(stack.url("CCOPS_CLICKHOUSE_URL"))
    answer = httpx.post(
        url.copy_with(path="/", username=None, password=None),
        params={"database": "casino"},
        headers={"X-ClickHouse-User": url.username, "X-ClickHouse-Key": url.password},
        content=f"SELECT event_id FROM events {final} WHERE user_id = {player} FORMAT JSONCompact",
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    return sorted(row[0] for row in answer.json()["data"])


def played(stack: Stack, count: int) -> tuple[int, list[str]]:
    """Make a player who does `count` things; return their id and the events' ids."""
    name = f"walk{secrets.token_hex(4)}"
    with httpx.Client(base_url=stack.url("CCOPS_BACKEND_URL"), trust_env=False) as http:
        body = {"site_id": name, "password": f"pw-{name}-secret"}
        more = {"invite_code": "5858", "nickname": name, "birth_date": "1990-05-17"}
        made = http.post("/api/auth/signup", json=body | more).json()
        token = http.post("/api/auth/login", json=body).json()["access_token"]
        ids = []
        for _ in range(count):
            answer = http.post(
                "/api/actions",
                json={"action_type": "LOGIN", "context": {}},
                headers={"Authorization": f"Bearer {token}"},
            )
            assert answer.status_code == 201, answer.text
            ids.append(answer.json()["event_id"])
    return int(made["user"]["id"]), sorted(ids)


def lag(stack: Stack) -> int:
    """Return the lag of the group."""
    shown = stack.ccops("kafka", "lag", "--group", GROUP, "-o", "json")
    assert shown.code == 0, shown.err
    return int(json.loads(shown.out)["data"]["groups"][0]["total"])


def silences_of(stack: Stack, run_id: str) -> list[dict[str, Any]]:
    """Return the silences of a run, alive or not, as Alertmanager has them."""
    answer = httpx.get(f"{stack.url('CCOPS_ALERTMANAGER_URL')}/api/v2/silences", trust_env=False)
    return [one for one in answer.json() if one["createdBy"] == f"ccops/{run_id}"]


@pytest.mark.stack
def test_a_reset_replays_into_clickhouse_and_the_deduplicated_ids_stay(stack: Stack) -> None:
    since = iso(SystemClock().now())
    player, made = played(stack, 12)
    until(lambda: event_ids(stack, player) == made, 20)
    call = ("kafka", "reset", "--group", GROUP, "--topic", TOPIC, "--to-datetime", since)
    active = stack.ccops(*call, "--apply")
    assert active.code == 3 and "KAFKA_GROUP_ACTIVE" in active.err and "ccops-ingester" in active.err

    assert stack.ccops("down", "worker").code == 0
    try:
        done = stack.ccops(*call, "--apply", "--reason", "the walk", "-o", "json")
        assert done.code == 0, done.out + done.err
        (run,) = json.loads(done.out)["data"]["runs"]
        assert run["lag_after"] >= 12 and lag(stack) == run["lag_after"]
        assert event_ids(stack, player) == made
        # The real Alertmanager: the run's silence was there, exact, and is over (12 records do not ring).
        (silence,) = silences_of(stack, run["run_id"])
        matched = {one["name"]: (one["value"], one["isRegex"]) for one in silence["matchers"]}
        assert matched == {"alertname": ("KafkaHighConsumerLag", False), "consumergroup": (GROUP, False)}
        assert silence["status"]["state"] == "expired" and silence["comment"].endswith("the walk")
        assert run["silence"] == f"silence {silence['id']} ended"
    finally:
        assert stack.ccops("up", "worker").code == 0
    end = time.monotonic() + 30
    while lag(stack):
        assert time.monotonic() < end
    # Repeats were inserted or recognised as a whole; either way each event is there once.
    assert event_ids(stack, player) == made
    with psycopg.connect(stack.url("CCOPS_DATABASE_URL"), row_factory=dict_row) as connection:
        rows = connection.execute(
            "SELECT * FROM consumer_offsets WHERE run_id = %s ORDER BY partition", [run["run_id"]]
        ).fetchall()
    moved = [one for one in run["plan"]["targets"] if one["target"] != one["before"]]
    assert [(row["before_offset"], row["target_offset"], row["after_offset"]) for row in rows] == [
        (one["before"], one["target"], one["target"]) for one in moved
    ]
    assert {(row["outcome"], row["reason"]) for row in rows} == {("written", "the walk")}
