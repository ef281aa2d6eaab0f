"""Promo codes: once a user, as often as the code allows, however many try at once."""

from __future__ import annotations

from collections import Counter

import psycopg
import pytest


def redeem(user, code, key=None, **more):
    headers = {"Idempotency-Key": key} if key else {}
    return user.post("/api/shop/promo/redeem", {"code": code}, headers=headers, **more)


def test_a_code_grants_its_gold_once(account, promo, sql, metric, code_of):
    user, code = account(), promo(gold=50)
    granted = metric("promo_redeem_total", result="granted")
    answer = redeem(user, code)

    assert answer.status_code == 200
    assert answer.json() | {"event_id": ""} == {
        "redeemed": True, "code": code, "reward": 50, "balance_after": 1050, "event_id": "",
    }  # fmt: skip
    again = redeem(user, code)
    assert (again.status_code, code_of(again)) == (409, "PROMO_USED")
    rows = sql("SELECT * FROM gold_ledger WHERE user_id = %s AND reason = 'promo'", user.id)
    assert [(row["delta"], row["counter_account"], row["ref_id"]) for row in rows] == [
        (50, "mint:promo", code)
    ]
    assert metric("promo_redeem_total", result="granted") == granted + 1


def test_a_redemption_tells_the_sockets(account, promo, sql):
    user = account()
    event = redeem(user, promo(gold=50)).json()["event_id"]
    rows = sql(
        "SELECT event_id::text, type, topic, payload FROM outbox WHERE user_id = %s AND realtime ORDER BY id",
        user.id,
    )

    assert [row["type"] for row in rows] == ["reward_granted", "profile_update"]
    assert rows[0]["event_id"] == event
    assert rows[0]["topic"] == "cc.rewards.granted.dev"
    assert rows[0]["payload"] == {
        "reward_type": "GOLD", "amount": 50, "balance_after": 1050, "source": "promo", "ledger_seq": 2,
    }  # fmt: skip
    assert rows[1]["payload"]["changes"]["gold_balance"] == 1050


def test_the_same_key_gets_the_same_bytes_and_another_code_409(account, promo, code_of):
    user, code, other = account(), promo(), promo()
    first, again = redeem(user, code, "k"), redeem(user, code, "k")

    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    reused = redeem(user, other, "k")
    assert (reused.status_code, code_of(reused)) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert redeem(user, other, "k2").status_code == 200


def test_every_refusal_has_its_code_and_grants_nothing(account, promo, sql, code_of, http):
    user = account()
    answers = {
        "PROMO_UNKNOWN": redeem(user, "no-such-code"),
        "PROMO_EXHAUSTED": redeem(user, promo(uses=0)),
        "PROMO_EXPIRED": redeem(user, promo(expires="0 seconds")),
        "AMOUNT_OUT_OF_RANGE": redeem(user, promo(gold=2**63 - 1)),
        "VALIDATION_ERROR": redeem(user, ""),
        "UNAUTHORIZED": http.post("/api/shop/promo/redeem", json={"code": "x"}),
        "PAYLOAD_TOO_LARGE": redeem(user, "x" * 300_000),
        "BAD_REQUEST": user.post(
            "/api/shop/promo/redeem",
            content=b'{"code": "\xff"}',
            headers={"Content-Type": "application/json"},
        ),
    }

    assert {code: code_of(answer) for code, answer in answers.items()} == {code: code for code in answers}
    assert [a.status_code for a in answers.values()] == [404, 409, 410, 422, 422, 401, 413, 400]
    assert redeem(user, promo(starts="1 hour")).status_code == 410
    assert len(sql("SELECT 1 FROM gold_ledger WHERE user_id = %s", user.id)) == 1


def test_a_refused_key_is_free_and_a_refused_code_may_be_tried_again(account, promo, sql):
    user, code = account(), promo(starts="1 hour")
    assert redeem(user, code, "k").status_code == 410
    sql("UPDATE promo_codes SET starts_at = now() WHERE code = %s", code)
    assert redeem(user, code, "k").status_code == 200


@pytest.mark.parametrize("key", [None, "same"])
def test_a_hundred_tries_of_one_user_grant_once(account, promo, burst, sql, key):
    user, code = account(), promo(gold=50)
    answers = burst(100, lambda _: redeem(user, code, key))

    counted = Counter(answer.status_code for answer in answers)
    assert counted == ({200: 1, 409: 99} if key is None else {200: 100})
    assert len({a.content for a in answers if a.status_code == 200}) == 1
    rows = sql("SELECT delta FROM gold_ledger WHERE user_id = %s ORDER BY seq", user.id)
    assert [row["delta"] for row in rows] == [1000, 50]


def test_codes_for_four_pay_four_of_twenty_at_the_same_moment(account, promo, burst, sql, code_of):
    code, people = promo(gold=50, uses=30), [account() for _ in range(20)]
    codes = [code, *(promo(gold=1, uses=4) for _ in range(4))]
    answers = burst(100, lambda n: redeem(people[n % 20], codes[n // 20]))

    refused = {code_of(answer) for answer in answers if answer.status_code != 200}
    assert refused == {"PROMO_EXHAUSTED"}
    assert [sum(a.status_code == 200 for a in answers[n * 20 : n * 20 + 20]) for n in range(5)] == [
        20,
        4,
        4,
        4,
        4,
    ]
    for name in codes:
        (row,) = sql("SELECT used_count FROM promo_codes WHERE code = %s", name)
        rewards = sql(
            "SELECT 1 FROM outbox o JOIN gold_ledger l ON l.user_id = o.user_id"
            " AND l.seq = (o.payload->>'ledger_seq')::bigint"
            " WHERE o.type = 'reward_granted' AND l.ref_type = 'promo' AND l.ref_id = %s",
            name,
        )
        assert row["used_count"] == len(rewards) == (20 if name == code else 4)


def test_losing_redis_between_tries_never_grants_twice(account, promo, cache):
    user, code = account(), promo()
    assert redeem(user, code, "k").status_code == 200
    cache.flushall()
    assert redeem(user, code, "k").headers["Idempotent-Replayed"] == "true"
    assert redeem(user, code).status_code == 409


def test_a_locked_wallet_makes_the_others_try_later(account, promo, database, burst, code_of):
    user, code = account(), promo()
    with psycopg.connect(database) as conn:
        conn.execute("SELECT 1 FROM wallets WHERE user_id = %s FOR UPDATE", (user.id,))
        answers = burst(2, lambda n: redeem(user, code, "k" if n else None))

    assert [code_of(answer) for answer in answers] == ["BUSY", "IDEMPOTENCY_IN_PROGRESS"]
    assert redeem(user, code, "k").status_code == 200


@pytest.mark.parametrize("code", ["' OR 1=1", "\N{GRINNING FACE}", "한글코드", "%", "a\nb"])
def test_odd_codes_are_simply_unknown(account, code):
    assert redeem(account(), code).status_code == 404


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'{"code":1}', b'{"code":"a","x":1}'])
def test_hostile_bodies_are_the_callers_mistake(account, body):
    headers = {"Content-Type": "application/json"}
    assert account().post("/api/shop/promo/redeem", content=body, headers=headers).status_code in {400, 422}


def test_a_nul_is_refused_before_the_database(account):
    assert redeem(account(), "a\x00b").status_code == 422
