"""Limited packages over HTTP: nobody gets what is not there, and everybody gets what was promised."""

from __future__ import annotations

import uuid
from collections import Counter

import psycopg
import pytest


def hold(user, package):
    return user.post(f"/api/shop/limited/{package}/hold")


def release(user, package):
    return user.http.delete(f"/api/shop/limited/{package}/hold", headers=user.auth)


def look(user, package):
    items = user.get("/api/shop/limited").json()["items"]
    return {item["id"]: item for item in items}.get(package)


def frames(sql, user, *types):
    rows = sql("SELECT type, payload FROM outbox WHERE user_id = %s AND realtime ORDER BY id", user.id)
    return [row["payload"] for row in rows if row["type"] in types]


def lapse(sql, package):
    sql("UPDATE limited_holds SET expires_at = now() WHERE package_id = %s AND status = 'HELD'", package)


def test_a_hold_takes_one_from_the_shelf_and_release_puts_it_back(account, package, stock, cache, metric):
    user, name = account(), package(stock=3, hold_s=30)
    held = metric("limited_holds_total", result="held")
    answer = hold(user, name)

    assert answer.status_code == 201
    assert set(answer.json()) == {"hold_id", "expires_at", "stock_left"}
    assert answer.json()["stock_left"] == 2
    assert stock(name) == (1, 0)
    assert cache.get(f"shop:limited:stock:{name}") == "2"
    assert 0 < cache.ttl(f"shop:limited:stock:{name}") <= 5
    shown = look(user, name)
    assert (shown["stock_left"], shown["mine"], shown["hold_s"]) == (2, 1, 30)
    assert (shown["hold_id"], shown["hold_expires_at"]) == (
        answer.json()["hold_id"],
        answer.json()["expires_at"],
    )
    assert [release(user, name).status_code for _ in range(2)] == [204, 204]
    assert stock(name) == (0, 0)
    assert look(user, name)["hold_id"] is None
    assert metric("limited_holds_total", result="held") == held + 1


def test_buying_a_held_package_uses_the_hold(account, package, buy, sql, stock, cache):
    user, name = account(), package(stock=1, gold=300)
    held = hold(user, name).json()
    answer = buy(user, name, "k", held["hold_id"])

    body = answer.json()
    assert answer.status_code == 200
    assert (body["status"], body["hold_id"], body["balance_after"]) == ("SUCCESS", held["hold_id"], 700)
    assert stock(name) == (0, 1)
    (row,) = sql("SELECT * FROM shop_transactions WHERE user_id = %s", user.id)
    assert (row["kind"], row["status"], str(row["hold_id"])) == ("limited", "SUCCESS", held["hold_id"])
    assert cache.get(f"shop:limited:idemp:{user.id}:{name}:k") == body["transaction_id"]
    assert 86_000 < cache.ttl(f"shop:limited:idemp:{user.id}:{name}:k") <= 86_400
    assert not cache.exists(f"shop:limited:idemp:{user.id}:{name}:k:lock")
    (told,) = frames(sql, user, "purchase_update")
    assert told == {
        "transaction_id": body["transaction_id"], "status": "SUCCESS", "product_id": name, "kind": "limited",
        "qty": 1, "amount_gold": 300,
    }  # fmt: skip
    assert frames(sql, user, "profile_update")[-1]["changes"]["gold_balance"] == 700


def test_the_same_key_gets_the_same_bytes_and_another_request_409(account, package, buy, code_of, sql):
    user, name, other = account(), package(), package()
    first, again = buy(user, name, "k"), buy(user, name, "k")

    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    reused = buy(user, other, "k")
    assert (reused.status_code, code_of(reused)) == (409, "IDEMPOTENCY_KEY_REUSED")
    conflict = frames(sql, user, "purchase_update")[-1]
    assert (conflict["status"], conflict["transaction_id"]) == (
        "IDEMPOTENCY_CONFLICT",
        first.json()["transaction_id"],
    )


def test_a_package_for_cents_is_held_until_the_provider_pays(account, package, buy, sql, until, stock):
    user, name = account(), package(cents=999, worth=700)
    answer = buy(user, name, "k")

    assert (answer.status_code, answer.json()["status"]) == (202, "PENDING")
    assert answer.json()["receipt"]
    until(lambda: user.get("/api/users/me").json()["gold_balance"] == 1_700)
    assert stock(name) == (0, 1)
    assert [f["status"] for f in frames(sql, user, "purchase_update")] == ["PENDING", "SUCCESS"]
    again = buy(user, name, "k")
    assert (again.status_code, again.content) == (202, answer.content)


def test_while_a_payment_is_on_its_way_a_second_one_is_refused(account, package, buy, sql, code_of, stock):
    user, name = account(), package(cents=999, worth=700, limit=2)
    held = hold(user, name).json()["hold_id"]
    # A transaction of a provider that nobody plays here: it stays pending.
    sql("UPDATE limited_holds SET shop_tx_id = gen_random_uuid() WHERE id = %s", held)
    answer = buy(user, name, "k")
    assert (answer.status_code, code_of(answer)) == (409, "ALREADY_HELD")
    assert stock(name) == (1, 0)


def test_every_refusal_of_both_routes_has_its_code(account, package, buy, code_of, http, sql):
    user, rich_only, stranger = account(), package(gold=5_000), account()
    bought, taken, sold_out = package(), package(), package(stock=1)
    assert buy(user, bought, "mine").status_code == 200
    assert hold(user, taken).status_code == 201
    assert buy(stranger, sold_out, "theirs").status_code == 200
    theirs = package()
    strangers_hold = hold(stranger, theirs).json()["hold_id"]
    gone = package()
    gone_hold = hold(user, gone).json()["hold_id"]
    release(user, gone)
    late = package()
    late_hold = hold(user, late).json()["hold_id"]
    lapse(sql, late)
    both = {
        "NOT_FOUND": (404, "NO_SUCH_PACKAGE"),
        "RANK_REQUIRED": (403, package(rank="VIP")),
        "AGE_VERIFICATION_REQUIRED": (403, package(adult=True)),
        "NOT_STARTED": (425, package(starts="1 hour")),
        "ENDED": (410, package(ends="0 seconds")),
        "SOLD_OUT": (409, sold_out),
        "LIMIT_REACHED": (409, bought),
        "VALIDATION_ERROR": (422, "no%20such"),
    }
    for code, (status, name) in both.items():
        for answer in (hold(user, name), buy(user, name, f"k-{code}")):
            assert (answer.status_code, code_of(answer)) == (status, code)
    json = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    path = f"/api/shop/limited/{taken}"
    others = {
        "ALREADY_HELD": hold(user, taken),
        "HOLD_EXPIRED": buy(user, gone, "k1", gone_hold),
        "INSUFFICIENT_GOLD": buy(user, rich_only, "k2"),
        "IDEMPOTENCY_KEY_MISSING": user.post(f"{path}/buy"),
        "PAYLOAD_TOO_LARGE": user.post(f"{path}/buy", headers=json, content=b" " * 300_000),
        "BAD_REQUEST": user.post(f"{path}/buy", headers=json, content=b'{"hold_id": "\xff"}'),
        "UNAUTHORIZED": http.post(f"{path}/buy"),
    }
    assert {code: code_of(answer) for code, answer in others.items()} == {code: code for code in others}
    assert [a.status_code for a in others.values()] == [409, 409, 402, 400, 413, 400, 401]
    assert code_of(buy(user, late, "k3", late_hold)) == "HOLD_EXPIRED"
    assert code_of(buy(user, theirs, "k4", strangers_hold)) == "NOT_FOUND"
    assert code_of(release(user, "NO_SUCH_PACKAGE")) == "NOT_FOUND"
    assert code_of(release(user, "no%20such")) == "VALIDATION_ERROR"
    assert code_of(http.delete(f"{path}/hold")) == code_of(http.post(f"{path}/hold")) == "UNAUTHORIZED"
    assert code_of(http.get("/api/shop/limited")) == "UNAUTHORIZED"


def test_refused_buyers_are_told_why_on_their_sockets(account, package, buy, sql):
    user, dear = account(), package(gold=5_000)
    empty = package(stock=1)
    assert buy(account(), empty, "k").status_code == 200
    buy(user, dear, "a")
    buy(user, empty, "b")

    told = frames(sql, user, "purchase_update")
    assert [(f["status"], f["reason"], f["product_id"]) for f in told] == [
        ("FAILED", "insufficient_gold", dear),
        ("FAILED", "sold_out", empty),
    ]


def test_a_refused_key_stays_free(account, package, buy, sql):
    user, name = account(), package(gold=5_000)
    assert buy(user, name, "k").status_code == 402
    sql("UPDATE products SET price_gold = 1 WHERE id = %s", name)
    assert buy(user, name, "k").status_code == 200


def test_an_expired_hold_of_ones_own_is_no_obstacle(account, package, buy, sql, stock):
    user, name = account(), package(stock=1)
    assert hold(user, name).status_code == 201
    lapse(sql, name)
    assert hold(user, name).status_code == 201
    lapse(sql, name)
    assert buy(user, name, "k").status_code == 200
    assert stock(name) == (0, 1)


def test_a_hold_outlives_the_end_of_the_sale(account, package, buy, sql):
    user, name = account(), package()
    assert hold(user, name).status_code == 201
    sql("UPDATE limited_packages SET ends_at = now() WHERE id = %s", name)
    assert buy(user, name, "k").status_code == 200


def test_what_is_coming_is_listed_and_what_is_over_is_not(account, package):
    user, soon, over, empty = account(), package(starts="1 hour"), package(ends="0 seconds"), package(stock=0)
    assert look(user, soon)["state"] == "upcoming"
    assert look(user, over) is None
    assert look(user, empty)["state"] == "sold_out"
    assert look(user, package())["state"] == "open"


def test_too_many_payments_in_a_minute_are_stopped(account, package, buy, code_of, cache):
    user, name = account(), package(cents=100, worth=1, limit=9, stock=9)
    cache.delete(f"fraud:buy:{user.id}")
    answers = []
    for n in range(9):
        answers.append(buy(user, name, f"k{n}"))
        if answers[-1].status_code == 429:
            break
        release(user, name)
    assert code_of(answers[-1]) == "FRAUD_WINDOW"
    assert len(answers) == 6
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


def test_a_hundred_and_twenty_buyers_of_seventeen_pieces(account, package, buy, burst, sql, stock, code_of):
    people, name = [account() for _ in range(40)], package(stock=17, limit=1)
    answers = burst(120, lambda n: buy(people[n % 40], name, f"k{n}"))

    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 17
    assert stock(name) == (0, 17)
    refused = Counter(code_of(answer) for answer in answers if answer.status_code != 200)
    assert set(refused) <= {"SOLD_OUT", "LIMIT_REACHED"}
    bought = sql("SELECT * FROM shop_transactions WHERE product_id = %s", name)
    charged = sql(
        "SELECT l.* FROM gold_ledger l JOIN shop_transactions t ON l.ref_id = t.public_id::text"
        " WHERE l.ref_type = 'shop_tx' AND t.product_id = %s",
        name,
    )
    told = sql(
        "SELECT payload FROM outbox WHERE type = 'purchase_update' AND topic IS NOT NULL"
        " AND payload->>'product_id' = %s",
        name,
    )
    assert len(bought) == len(charged) == len(told) == 17
    assert len({row["user_id"] for row in bought}) == 17
    # A refused key is free: when there is more, it buys.
    loser = next(n for n in range(120) if people[n % 40].id not in {row["user_id"] for row in bought})
    sql("UPDATE limited_packages SET stock_total = 18 WHERE id = %s", name)
    assert buy(people[loser % 40], name, f"k{loser}").status_code == 200


def test_a_hundred_tries_of_one_user_stay_within_the_limit(account, package, buy, burst, stock, code_of):
    user, name = account(), package(stock=50, limit=3, gold=10)
    answers = burst(100, lambda n: buy(user, name, f"k{n}"))

    assert Counter(a.status_code for a in answers) == {200: 3, 409: 97}
    assert {code_of(a) for a in answers if a.status_code == 409} == {"LIMIT_REACHED"}
    assert stock(name) == (0, 3)


def test_a_hundred_holds_and_purchases_of_ten_users_mixed(account, package, buy, burst, stock):
    people, name = [account() for _ in range(10)], package(stock=6, limit=2, gold=10)
    moves = [hold, release, lambda user, name: buy(user, name, uuid.uuid4().hex)]
    answers = burst(100, lambda n: moves[n % 3](people[n % 10], name))

    assert all(a.status_code in {200, 201, 204, 409} for a in answers)
    reserved, sold = stock(name)
    assert sold == sum(a.status_code == 200 for a in answers)
    assert reserved + sold <= 6


def test_a_hundred_retries_of_one_purchase_are_one(account, package, buy, burst, stock):
    user, name = account(), package(limit=5)
    answers = burst(100, lambda _: buy(user, name, "same"))

    assert {a.status_code for a in answers} == {200}
    assert len({a.content for a in answers}) == 1
    assert stock(name) == (0, 1)


def test_losing_redis_in_between_sells_nothing_twice(account, package, buy, cache, stock):
    user, name = account(), package()
    assert hold(user, name).status_code == 201
    cache.flushall()
    first = buy(user, name, "k")
    cache.flushall()
    assert buy(user, name, "k").content == first.content
    assert stock(name) == (0, 1)


def test_a_locked_wallet_makes_the_others_try_later(account, package, buy, database, burst, code_of):
    user, name = account(), package()
    sends = [lambda: hold(user, name), lambda: release(user, name), lambda: buy(user, name, "k")]
    with psycopg.connect(database) as conn:
        conn.execute("SELECT 1 FROM wallets WHERE user_id = %s FOR UPDATE", (user.id,))
        answers = burst(3, lambda n: sends[n]())

    assert [code_of(answer) for answer in answers] == ["BUSY", "BUSY", "IDEMPOTENCY_IN_PROGRESS"]
    assert buy(user, name, "k").status_code == 200


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"hold_id":1}', b'{"hold_id":"x"}', b'{"qty":2}', b'""'])
def test_hostile_bodies_are_the_callers_mistake(account, package, body):
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    answer = account().post(f"/api/shop/limited/{package()}/buy", content=body, headers=headers)
    assert answer.status_code in {400, 422}


@pytest.mark.parametrize("key", ["a:b", "x:lock", "{key}", "\xe9", "k" * 255])
def test_odd_keys_buy_once_too(account, package, buy, key):
    user, name = account(), package()
    headers = {**user.auth, "Idempotency-Key": key.encode("latin-1")}
    answers = [user.http.post(f"/api/shop/limited/{name}/buy", headers=headers) for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 200]
    assert answers[0].content == answers[1].content
