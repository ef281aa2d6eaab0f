"""Every topic, from an HTTP call to its ClickHouse table; and what a counting query may rely on there."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition

from ccops.backend.olap.tables import TABLES
from tests.integration.pipeline.kit import Player, Stores, until
from tests.web import http_client, web

HEADERS = {"event_id", "trace_id", "request_id", "schema"}
TABLE_OF = {
    "actions.events": "events",
    "games.rounds": "game_rounds",
    "economy.ledger": "ledger",
    "shop.transactions": "purchases",
    "rewards.granted": "rewards",
    "events.progress": "progress",
    "auth.security": "security",
}
# From the operations guide of the game service: what its people paste into a ClickHouse prompt. They must
# run as they are, so the tables must have these names and columns.
ACTIONS_OF_THE_LAST_HOUR = (
    "SELECT action_type, count() FROM events WHERE ts > now() - INTERVAL 1 HOUR"
    " GROUP BY action_type ORDER BY count() DESC;"
)
WINS_AND_LOSSES = (
    "SELECT user_id, sum(wins) AS w, sum(losses) AS l FROM game_stats WHERE date >= today()-7"
    " GROUP BY user_id ORDER BY w DESC LIMIT 50;"
)


@pytest.fixture
def played(stores: Stores, player: Callable[[], Player]) -> Player:
    """A user who did something for every topic."""
    user = player()
    with http_client(stores.url("BACKEND_URL")) as http:
        http.headers["Authorization"] = f"Bearer {user.token}"

        def post(path: str, body: object = None, status: int = 200) -> None:
            key = {"Idempotency-Key": uuid.uuid4().hex}
            answer = http.post(path, json=body, headers=key)
            assert answer.status_code == status, (path, answer.text)

        post("/api/users/me/age-verification")
        post("/api/streak/claim", {"action_type": "DAILY"})
        for hand in ("ROCK", "PAPER", "ROCK", "PAPER"):
            post("/api/games/rps/play", {"bet": 10, "choice": hand})
        for _ in range(3):
            post("/api/games/slot/spin", {"bet": 10})
        post("/api/actions", {"action_type": "LOGIN", "context": {}}, 201)
        post("/api/shop/buy", {"product_id": _item(http)})
        post("/api/auth/logout-all", status=204)
    return user


def _item(http: httpx.Client) -> str:
    products = http.get("/api/shop/catalog").json()["items"]
    items = [one for one in products if one["kind"] == "item" and one["min_rank"] == "STANDARD"]
    return str(min(items, key=lambda one: one["price_gold"])["id"])


def _sent(stores: Stores, user: Player, topic: str) -> dict[str, dict]:
    rows = stores.sql(
        "SELECT event_id::text AS id, type, request_id, trace_id, created_at AT TIME ZONE 'UTC' AS at"
        " FROM outbox WHERE user_id = %s AND topic = %s",
        user.id,
        topic,
    )
    return {row["id"]: row for row in rows}


def test_the_events_of_every_topic_land_with_their_key_and_headers(stores: Stores, played: Player) -> None:
    with stores.worker():
        for stem, table in TABLE_OF.items():
            topic = f"cc.{stem}.dev"
            sent = _sent(stores, played, topic)
            assert sent, topic

            def held(table: str = table) -> list[dict]:
                return stores.clickhouse(f"SELECT * FROM {table} FINAL WHERE user_id = {played.id}")

            until(lambda held=held, sent=sent: {row["event_id"] for row in held()} == set(sent), 20)
            records = {r["headers"]["event_id"]: r for r in stores.records(topic)}
            for row in held():
                event, record = sent[row["event_id"]], records[row["event_id"]]
                assert set(record["headers"]) == HEADERS
                assert record["headers"]["request_id"] == event["request_id"] != ""
                assert record["headers"]["trace_id"] == row["trace_id"] == event["trace_id"]
                assert record["key"] == str(played.id).encode()
                assert json.loads(record["value"])["type"] == event["type"]
                assert (row["topic"], row["partition"]) == (topic, record["partition"])
                assert int(row["offset"]) == record["offset"]
                assert row["day"] == f"{event['at']:%Y-%m-%d}"
    assert {table.name for table in TABLES} == set(TABLE_OF.values())


def test_both_queries_of_the_guide_run_as_they_are_and_say_the_truth(stores: Stores, played: Player) -> None:
    wanted = stores.sql(
        "SELECT sum(wins)::int AS w, sum(losses)::int AS l, sum(wagered)::int AS wagered,"
        " sum(paid)::int AS paid FROM game_stats WHERE user_id = %s",
        played.id,
    )[0]

    def mine() -> dict[str, int]:
        rows = [row for row in _paste(stores, WINS_AND_LOSSES) if int(row["user_id"]) == played.id]
        return {name: int(rows[0][name]) for name in ("w", "l")} if rows else {}

    with stores.worker():
        until(lambda: mine() == {"w": wanted["w"], "l": wanted["l"]}, 20)
        totals = (
            f"SELECT sum(wagered) AS wagered, sum(paid) AS paid FROM game_stats WHERE user_id = {played.id}"
        )
        (money,) = stores.clickhouse(totals)
        assert (int(money["wagered"]), int(money["paid"])) == (wanted["wagered"], wanted["paid"])
        until(lambda: stores.clickhouse(f"SELECT 1 FROM events WHERE user_id = {played.id}"))
        counts = {row["action_type"]: int(row["count()"]) for row in _paste(stores, ACTIONS_OF_THE_LAST_HOUR)}
    assert counts["LOGIN"] >= 1
    assert list(counts.values()) == sorted(counts.values(), reverse=True)


def _paste(stores: Stores, text: str) -> list[dict]:
    """Send the text as it is; the format is asked for beside it."""
    url = httpx.URL(stores.url("CLICKHOUSE_URL"))
    answer = web.post(
        url.copy_with(path="/", username=None, password=None),
        params={"database": "casino", "default_format": "JSONEachRow"},
        headers={"X-ClickHouse-User": url.username, "X-ClickHouse-Key": url.password},
        content=text,
    )
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def _action(user: int, moment: str) -> tuple[str, bytes]:
    event = str(uuid.uuid4())
    data = {"action_type": "MONTHS", "context": {}}
    body = {"event_id": event, "trace_id": "t", "type": "user_action", "user_id": user, "ts": moment}
    return event, json.dumps(body | {"data": data}).encode()


def test_a_replay_across_the_edge_of_a_month_adds_nothing(
    stores: Stores, player: Callable[[], Player]
) -> None:
    """The same events again, read in another month than they happened in, on both sides of its edge."""
    user, group = player().id, "cc.actions.clickhouse.dev"
    topic, edge = "cc.actions.events.dev", datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0)
    edge = (edge - timedelta(days=45)).replace(day=1, microsecond=0)
    moments = [edge + timedelta(milliseconds=step) for step in (-86_400_000, -1, 0, 1)]
    # One of them said in another zone, where the month had begun.
    texts = [one.isoformat() for one in moments] + [
        f"{edge + timedelta(hours=9, milliseconds=-5):%FT%T.%f}+09:00"
    ]
    made = dict(_action(user, text) for text in texts)

    def held(how: str) -> list[dict]:
        return stores.clickhouse(
            f"SELECT event_id, toYYYYMM(day) AS month FROM events {how} WHERE user_id = {user}"
        )

    with stores.worker("ingester"):
        stores.produce_many(topic, list(made.values()))
        until(lambda: {row["event_id"] for row in held("")} == set(made), 20)
    _back_to_the_start(stores, group, topic)
    # One more, or ClickHouse would know the whole batch by its token.
    more, value = _action(user, edge.isoformat())
    stores.produce(topic, value)
    stores.clickhouse_run("SYSTEM STOP MERGES casino.events")
    try:
        with stores.worker("ingester"):
            until(lambda: len(held("")) == 2 * len(made) + 1, 20)  # the copies are there, unmerged
        made[more] = value
        assert sorted(row["event_id"] for row in held("FINAL")) == sorted(made)
        months = {row["month"] for row in held("")}
        assert months == {int(f"{edge:%Y%m}"), int(f"{edge - timedelta(days=1):%Y%m}")}
        (count,) = stores.clickhouse(f"SELECT uniqExact(event_id) AS n FROM events WHERE user_id = {user}")
        assert int(count["n"]) == len(made)
    finally:
        stores.clickhouse_run("SYSTEM START MERGES casino.events")
    stores.clickhouse_run("OPTIMIZE TABLE casino.events FINAL")
    assert sorted(row["event_id"] for row in held("")) == sorted(made)


def _back_to_the_start(stores: Stores, group: str, topic: str) -> None:
    admin = Consumer({"bootstrap.servers": stores.bootstrap, "group.id": group, "log_level": 2})
    try:
        places = [TopicPartition(topic, part, 0) for part in range(6)]
        admin.commit(offsets=places, asynchronous=False)
    finally:
        admin.close()


def test_the_engine_forgets_after_four_hundred_days(stores: Stores) -> None:
    with stores.worker("ingester"):
        pass  # the tables are there now
    stores.clickhouse_run(
        "INSERT INTO casino.rewards (event_id, day, ts, ingested_at, user_id) SELECT generateUUIDv4(),"
        " today() - number, now64(3), now64(3), 4000000000 FROM (SELECT arrayJoin([399, 401]) AS number)"
    )
    stores.clickhouse_run("OPTIMIZE TABLE casino.rewards FINAL")
    (left,) = stores.clickhouse("SELECT today() - day AS age FROM rewards WHERE user_id = 4000000000")
    assert int(left["age"]) == 399
