"""The sweeper: what expired goes back on sale, once, whoever else has a hand on it."""

from __future__ import annotations

import secrets
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from ccops.backend.schemas.payloads import PurchaseUpdate

CONTEXT = '{"trace_id": "0123456789abcdef0123456789abcdef", "request_id": "sweeper-1", "env": "dev"}'
ENDED = "SELECT status, count(*) FROM limited_holds WHERE package_id = %s GROUP BY status"


@pytest.fixture
def crowd(sql):
    """`crowd(n)` makes users without HTTP; returns their ids."""

    def make(n: int) -> list[int]:
        tag = secrets.token_hex(4)
        rows = sql(
            """SELECT cc_signup(%s, gen_random_uuid(), %s || i, %s || i, 'x', NULL, NULL, '5858', 1000, 'x',
                                %s || i, 'c') AS id FROM generate_series(1, %s) AS i""",
            CONTEXT, tag, tag, tag, n,
        )  # fmt: skip
        return [row["id"] for row in rows]

    return make


@pytest.fixture
def ended(sql):
    return lambda package: {row["status"]: row["count"] for row in sql(ENDED, package)}


def hold_all(sql, ids, package, *, seconds=60):
    sql(
        "SELECT cc_limited_hold(u, %s, gen_random_uuid(), %s) FROM unnest(%s::bigint[]) AS u",
        package, seconds, ids,
    )  # fmt: skip


def promise(sql, user_id, package):
    """Buy for cents from a provider that nobody plays here; returns the transaction's id and receipt."""
    tx, receipt = str(uuid.uuid4()), secrets.token_hex(8)
    sql(
        "SELECT cc_limited_buy(%s, %s, %s, NULL, gen_random_uuid(), 60, %s, 'nobody', %s, %s, 'x')",
        CONTEXT, user_id, package, tx, receipt, tx,
    )  # fmt: skip
    return tx, receipt


def pay(sql, receipt, cents=500, kind="payment.succeeded"):
    (row,) = sql(
        "SELECT outcome FROM cc_settle(%s, 'nobody', %s, %s, %s, %s, '{}')",
        CONTEXT, secrets.token_hex(8), kind, receipt, cents,
    )  # fmt: skip
    return row["outcome"]


def sample(url, series):
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(series + " "))


def test_what_expires_is_back_on_sale_within_a_second_and_a_half(
    account, package, sql, stock, sweeper, until
):
    user, name = account(), package(stock=1, hold_s=1)
    with sweeper() as url:
        started = time.monotonic()
        assert user.post(f"/api/shop/limited/{name}/hold").status_code == 201
        until(lambda: stock(name) == (0, 0))
        took = time.monotonic() - started
        assert 1.0 <= took < 2.5
        assert sample(url, 'limited_holds_total{result="expired"}') >= 1
    assert [row["status"] for row in sql("SELECT status FROM limited_holds WHERE package_id = %s", name)] == [
        "EXPIRED"
    ]


def test_more_than_a_batch_and_several_packages_are_swept_at_once(package, crowd, sql, stock, sweeper, until):
    ids, names = crowd(130), [package(stock=200) for _ in range(2)]
    for name in names:
        hold_all(sql, ids, name)
    sql("UPDATE limited_holds SET expires_at = now() WHERE package_id = ANY(%s)", names)
    with sweeper():
        until(lambda: [stock(name) for name in names] == [(0, 0)] * 2)


def test_a_capture_and_the_sweeper_at_the_same_moment_have_one_winner(
    account, package, buy, burst, sql, stock, sweeper, ended, until
):
    people, name = [account() for _ in range(50)], package(stock=100, limit=2)
    holds = [p.post(f"/api/shop/limited/{name}/hold").json()["hold_id"] for p in people]
    with sweeper():
        # Each hold expires at a moment of its own; its two tries come a little before or after it.
        rank = "array_position(%s::uuid[], id) * '20 ms'::interval"
        query = f"UPDATE limited_holds SET expires_at = now() + '800 ms' + {rank} WHERE package_id = %s"
        sql(query, holds, name)
        begun = time.monotonic()

        def late(n: int) -> httpx.Response:
            at = 0.8 + (n % 50 + 1) * 0.02 + (n * 7 % 50 - 25) * 0.016 + n // 50 * 0.1
            time.sleep(max(0, begun + at - time.monotonic()))
            return buy(people[n % 50], name, f"k{n}", holds[n % 50])

        answers = burst(100, late)
        until(lambda: stock(name)[0] == 0)
    won = sum(a.status_code == 200 for a in answers)
    assert {a.status_code for a in answers} <= {200, 409}
    assert 0 < won < 50
    assert ended(name) == {"CAPTURED": won, "EXPIRED": 50 - won}
    assert stock(name) == (0, won)


def test_a_hold_in_other_hands_is_left_to_them(package, crowd, sql, database, ended, stock):
    first, second = crowd(2)
    name, other = package(cents=500, worth=10), package()
    _, receipt = promise(sql, first, name)
    hold_all(sql, [second], other)
    sql("UPDATE limited_holds SET expires_at = now() + '2 s' WHERE package_id IN (%s, %s)", name, other)
    with psycopg.connect(database) as capture, psycopg.connect(database, autocommit=True) as sweep:
        capture.execute(
            "SELECT cc_settle(%s, 'nobody', %s, 'payment.succeeded', %s, 500, '{}')",
            (CONTEXT, receipt, receipt),
        )
        time.sleep(2.1)  # both have expired now, but one was captured in time
        rows = sweep.execute("SELECT * FROM cc_limited_expire(100)").fetchall()
        assert len(rows) == 1
    assert (ended(name), ended(other)) == ({"CAPTURED": 1}, {"EXPIRED": 1})
    assert (stock(name), stock(other)) == ((0, 1), (0, 0))


def test_a_payment_that_waits_for_the_sweeper_takes_new_stock(package, crowd, sql, database, ended, stock):
    (user,) = crowd(1)
    name = package(cents=500, worth=10, stock=1)
    _, receipt = promise(sql, user, name)
    sql("UPDATE limited_holds SET expires_at = now() WHERE package_id = %s", name)
    with psycopg.connect(database) as sweep, ThreadPoolExecutor(1) as pool:
        assert len(sweep.execute("SELECT * FROM cc_limited_expire(100)").fetchall()) == 1
        paid = pool.submit(pay, sql, receipt)
        time.sleep(0.2)
        assert not paid.done()
        sweep.commit()
        assert paid.result(timeout=5) == "processed"
    assert (ended(name), stock(name)) == ({"EXPIRED": 1, "CAPTURED": 1}, (0, 1))


def test_a_late_payment_for_something_sold_out_waits_for_a_person(package, crowd, sql):
    first, second = crowd(2)
    name = package(cents=500, worth=10, stock=1)
    tx, receipt = promise(sql, first, name)
    sql("UPDATE limited_holds SET expires_at = now() WHERE package_id = %s", name)
    sql("SELECT * FROM cc_limited_expire(100)")
    hold_all(sql, [second], name)
    assert pay(sql, receipt) == "review"
    (row,) = sql("SELECT status, failure_reason FROM shop_transactions WHERE public_id = %s", tx)
    assert row == {"status": "REVIEW", "failure_reason": "sold_out"}
    (told,) = sql(
        "SELECT payload FROM outbox WHERE payload->>'transaction_id' = %s ORDER BY id DESC LIMIT 1", tx
    )
    assert (told["payload"]["status"], told["payload"]["reason"]) == ("REVIEW", "sold_out")


def test_a_buyer_is_told_that_the_hold_ran_out_and_a_late_payment_still_buys(
    package, crowd, sql, sweeper, until, ended
):
    (user,) = crowd(1)
    name = package(cents=500, worth=70)
    tx, receipt = promise(sql, user, name)
    with sweeper() as url:
        sql("UPDATE limited_holds SET expires_at = now() WHERE package_id = %s", name)
        query = "SELECT payload FROM outbox WHERE payload->>'transaction_id' = %s ORDER BY id"
        until(lambda: len(sql(query, tx)) == 2)
        told = sql(query, tx)[1]["payload"]
        assert (told["status"], told["reason"]) == ("PENDING", "hold_expired")
        PurchaseUpdate.model_validate(told)
        until(lambda: sample(url, 'purchase_pending{flow="limited"}') >= 1)
    assert pay(sql, receipt) == "processed"
    assert pay(sql, receipt) == "ignored"
    assert ended(name) == {"EXPIRED": 1, "CAPTURED": 1}
    (row,) = sql("SELECT gold FROM wallets WHERE user_id = %s", user)
    assert row["gold"] == 1_070


def test_a_declined_payment_gives_the_hold_back(package, crowd, sql, stock, ended):
    (user,) = crowd(1)
    name = package(cents=500, worth=70)
    _, receipt = promise(sql, user, name)
    assert pay(sql, receipt, kind="payment.failed") == "processed"
    assert (stock(name), ended(name)) == ((0, 0), {"RELEASED": 1})


def test_expired_keys_are_swept_and_living_ones_are_not(crowd, sql, sweeper, until):
    (user,) = crowd(1)
    sql(
        """INSERT INTO idempotency_keys
                  (user_id, scope, key, request_hash, response_status, response_body, expires_at)
           SELECT %s, 'test', i::text, 'x', 200, '', now() + (i - 1200.5) * '1 hour'::interval
             FROM generate_series(1, 1203) AS i""",
        user,
    )
    with sweeper():
        until(
            lambda: sql("SELECT count(*) AS n FROM idempotency_keys WHERE user_id = %s", user) == [{"n": 3}]
        )


def test_a_killed_sweeper_leaves_nothing_half_done(package, crowd, sql, stock, sweeper, until, ended):
    ids, name = crowd(300), package(stock=300)
    hold_all(sql, ids, name)
    with sweeper(signal.SIGKILL):
        # Expiring in slices, so that the kill below falls between two of them.
        sql(
            "UPDATE limited_holds SET expires_at = now() + (user_id %% 100) * '5 ms'::interval"
            " WHERE package_id = %s",
            name,
        )
        until(lambda: stock(name) != (300, 0))
    left = ended(name).get("HELD", 0)
    assert stock(name) == (left, 0)
    with sweeper():
        until(lambda: stock(name) == (0, 0))
    assert ended(name) == {"EXPIRED": 300}
