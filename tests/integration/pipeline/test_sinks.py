"""One sink down never delays the other; two workers and a restarted PostgreSQL never repeat a frame."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable

import pytest

from ccops.backend.repositories import outbox
from ccops.backend.repositories.outbox import Place
from tests.freezing import frozen_service
from tests.integration.pipeline.kit import Player, Stores, frames, greeting, silent, until
from tests.web import http_client

ACTIONS = "cc.actions.events.dev"


def acked(stores: Stores, user: Player) -> int:
    query = "SELECT count(*) AS n FROM outbox WHERE user_id = %s AND type = 'user_action' AND kafka_acked_at"
    return stores.sql(f"{query} IS NOT NULL", user.id)[0]["n"]


# The relay's client gives records up after eight seconds; here sooner, so that we need not wait as long.
GIVES_UP_SOON = (
    "import ccops.backend.kafka_client as m; real = m.Producer; "
    "m.Producer = lambda config: real(config | {'message.timeout.ms': 3000})"
)


@pytest.mark.fault
def test_a_frozen_broker_delays_no_frame(stores: Stores, player: Callable[[], Player]) -> None:
    user = player()
    with stores.worker(patch=GIVES_UP_SOON), user.feed() as feed:
        greeting(feed)
        user.act()
        frames(feed, 1)
        until(lambda: acked(stores, user) == 1)
        slowest = 0.0
        with frozen_service(stores.load(), "kafka"):
            end = time.monotonic() + 5  # past the time after which the relay's client gives records up
            sent = 1
            while time.monotonic() < end:
                started = time.monotonic()
                user.act_fast(1)  # no wake-up either: the poll alone
                frames(feed, 1)
                slowest, sent = max(slowest, time.monotonic() - started), sent + 1
                time.sleep(0.1)
            assert acked(stores, user) == 1
        assert slowest < 0.5
        until(lambda: acked(stores, user) == sent, 30)
    places = stores.sql(
        "SELECT kafka_offset AS o FROM outbox WHERE user_id = %s AND type = 'user_action' ORDER BY id",
        user.id,
    )
    assert [row["o"] for row in places] == sorted(row["o"] for row in places)


@pytest.mark.fault
def test_a_frozen_redis_delays_no_record(stores: Stores, player: Callable[[], Player]) -> None:
    user = player()
    with stores.worker(), user.feed() as feed:
        greeting(feed)
        user.act()
        frames(feed, 1)
        until(lambda: acked(stores, user) == 1)
        with frozen_service(stores.load(), "redis"):
            for sent in range(2, 12):
                user.act_fast(1)
                until(lambda sent=sent: acked(stores, user) == sent, 2)
                time.sleep(0.3)
    with stores.worker("realtime-relay"):
        until(lambda: stores.redis().hget(f"rt:{user.id}:meta", "seq") == "11", 30)


@pytest.mark.fault
def test_postgres_killed_under_two_workers_repeats_and_loses_no_frame(
    stores: Stores, player: Callable[[], Player]
) -> None:
    user = player()
    up = 'worker_role_up{role="realtime-relay"}'
    with (
        stores.worker("realtime-relay") as one,
        stores.worker("realtime-relay") as other,
        user.feed() as feed,
    ):
        greeting(feed)
        user.act_fast(100)
        stores.kill("postgres")
        until(lambda: _written(stores, user) == 100, 20)
        until(lambda: one.metric(up) + other.metric(up) == 1, 20)
        user.act_fast(20)
        got = [json.loads(feed.recv(10)) for _ in range(120)]
        assert silent(feed, 0.5)
        assert [frame["seq"] for frame in got] == list(range(1, 121))
        assert len({frame["event_id"] for frame in got}) == 120


def _written(stores: Stores, user: Player) -> int:
    import psycopg

    try:
        return stores.sql("SELECT count(*) AS n FROM user_actions WHERE user_id = %s", user.id)[0]["n"]
    except psycopg.OperationalError:
        return -1


def test_a_batch_full_of_poison_is_over_in_seconds(stores: Stores, player: Callable[[], Player]) -> None:
    """Who does not ask for five minutes loses its partitions: a batch must never last that long."""
    user, mark = player(), secrets.token_hex(8).encode()
    counter = f'kafka_dlq_total{{topic="{ACTIONS}"}}'
    with stores.worker("ingester") as worker:
        before = worker.metric(counter)
        stores.produce_many(ACTIONS, [mark + b"%d" % i for i in range(200)])
        until(lambda: worker.metric(counter) == before + 200, 10)
    dead = [record["value"] for record in stores.records("cc.ops.dlq.dev") if mark in record["value"]]
    assert sorted(dead) == sorted(mark + b"%d" % i for i in range(200))
    with stores.worker():
        (event,) = user.act()
        until(lambda: stores.clickhouse(f"SELECT 1 FROM events WHERE event_id = '{event}'"))


def test_personal_data_reaches_no_sink(stores: Stores) -> None:
    name, phone, birth = f"p{secrets.token_hex(4)}", "+82 10-5555-9876", "1983-07-29"
    body = {"site_id": name, "password": f"pw-{name}-x", "nickname": name, "invite_code": "5858"}
    with stores.worker():
        with http_client(stores.url("BACKEND_URL")) as http:
            made = http.post("/api/auth/signup", json=body | {"phone": phone, "birth_date": birth})
            token = http.post("/api/auth/login", json={k: body[k] for k in ("site_id", "password")}).json()
        user = Player(stores, made.json()["user"]["id"], token["access_token"])
        with user.feed() as feed:
            seen = [json.dumps(greeting(feed))]
            user.act()
            seen.append(json.dumps(frames(feed, 1)))
        until(lambda: acked(stores, user) == 1)
        until(lambda: stores.clickhouse(f"SELECT 1 FROM events WHERE user_id = {user.id}"))
    topics = [f"cc.{stem}.dev" for stem in ("actions.events", "auth.security", "economy.ledger")]
    seen += [str(record) for topic in topics for record in stores.records(topic)]
    seen += [json.dumps(stores.clickhouse(f"SELECT * FROM {table}")) for table in ("events", "ledger")]
    cache = stores.redis()
    seen += [str(cache.execute_command("DUMP", key, NEVER_DECODE=True)) for key in cache.scan_iter("*")]
    seen.append(made.text)
    for canary in ("5555-9876", birth):
        assert not [text for text in seen if canary in text], canary


def test_the_marks_of_both_sinks_never_deadlock(stores: Stores, player: Callable[[], Player]) -> None:
    """Both relays mark the same rows at the same time, in whatever order their answers came."""
    user = player()
    user.act_fast(500)
    rows = stores.sql("SELECT id FROM outbox WHERE user_id = %s AND topic IS NOT NULL AND realtime", user.id)
    ids = sorted(row["id"] for row in rows)
    assert len(ids) == 500

    async def race() -> None:
        import asyncpg

        one, other = [await asyncpg.connect(stores.url("DATABASE_URL")) for _ in range(2)]
        try:
            # One planner visits the rows as they are given, the other as they lie.
            for method in ("hashjoin", "mergejoin", "seqscan", "bitmapscan"):
                await one.execute(f"SET enable_{method} = off")
            for turn in range(8):
                places = [(row_id, Place("fault.none", 0, turn)) for row_id in reversed(ids)]
                await asyncio.gather(outbox.mark_acked(one, places), outbox.mark_pushed(other, ids))
        finally:
            await one.close()
            await other.close()

    asyncio.run(race())
    # The places were made up: other tests look for records that share one, and the relay for records beyond.
    stores.sql(
        "UPDATE outbox SET kafka_partition = NULL, kafka_offset = NULL, kafka_acked_at = NULL"
        " WHERE user_id = %s",
        user.id,
    )
