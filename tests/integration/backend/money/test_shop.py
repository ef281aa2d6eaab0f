"""Buying: one key is one purchase, gold never goes below zero, a replay is the same bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import httpx
import pytest

Burst = Callable[[int, Callable[[int], httpx.Response]], list[httpx.Response]]


def test_an_item_costs_its_price_and_answers_200(player) -> None:
    answer = player.buy("LUCKY_CHARM", "k")

    assert answer.status_code == 200
    assert answer.json()["balance_after"] == player.gold - 200 == player.balance()
    assert "Idempotent-Replayed" not in answer.headers


def test_twenty_at_once_under_one_key_are_one_purchase_with_the_same_bytes(player, burst: Burst) -> None:
    answers = burst(20, lambda _: player.buy("LUCKY_CHARM", "same"))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert Counter(answer.headers.get("Idempotent-Replayed") for answer in answers) == {None: 1, "true": 19}
    assert [row["reason"] for row in player.ledger()] == ["signup", "purchase"]


def test_thirty_keys_against_gold_for_five_sell_five(player, burst: Burst) -> None:
    answers = burst(30, lambda n: player.buy("LUCKY_CHARM", f"k{n}"))

    assert Counter(answer.status_code for answer in answers) == {200: 5, 402: 25}
    assert player.balance() == 0
    rows = player.server.sql("SELECT status FROM shop_transactions WHERE user_id = %s", player.id)
    assert [row["status"] for row in rows] == ["SUCCESS"] * 5


@pytest.mark.parametrize(("product", "quantity"), [("GOLDEN_FRAME", 1), ("LUCKY_CHARM", 2), ("GOLD_1000", 1)])
def test_the_same_key_for_something_else_is_refused(player, product: str, quantity: int) -> None:
    before = player.server.metric('shop_idempotent_replay_total{result="mismatch"}')
    player.buy("LUCKY_CHARM", "k")
    answer = player.buy(product, "k", quantity)

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert player.server.metric('shop_idempotent_replay_total{result="mismatch"}') == before + 1


def test_a_refused_key_stays_free(player) -> None:
    assert player.buy("GOLDEN_FRAME", "k", 2).status_code == 402
    assert player.buy("LUCKY_CHARM", "k").status_code == 200


def test_two_users_may_use_the_same_key(new_player) -> None:
    assert [new_player().buy("LUCKY_CHARM", "shared").status_code for _ in range(2)] == [200, 200]


def test_a_gold_pack_is_pending_then_credited_once_and_replays_its_first_answer(player, until) -> None:
    first = player.buy("GOLD_1000", "pack", 2)

    assert first.status_code == 202
    assert first.json()["status"] == "PENDING"
    until(lambda: player.balance() == player.gold + 2_000)
    again = player.buy("GOLD_1000", "pack", 2)
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert [row["delta"] for row in player.ledger()] == [player.gold, 2_000]


def test_every_refusal_has_its_code(player, new_player) -> None:
    sql = player.server.sql
    sql(
        """INSERT INTO products (id, title, kind, price_gold, min_rank, active, ends_at) VALUES
             ('FOR_VIP', 'v', 'item', 1, 'VIP', true, NULL),
             ('GONE', 'g', 'item', 1, 'STANDARD', true, now()),
             ('OFF', 'o', 'item', 1, 'STANDARD', false, NULL)
           ON CONFLICT DO NOTHING"""
    )
    minor = new_player(adult=False)
    answers = {
        "NOT_FOUND": player.buy("NO_SUCH_THING", "1"),
        "RANK_REQUIRED": player.buy("FOR_VIP", "2"),
        "PRODUCT_ENDED": player.buy("GONE", "3"),
        "INSUFFICIENT_GOLD": player.buy("LUCKY_CHARM", "4", 1_000),
        "AGE_VERIFICATION_REQUIRED": minor.buy("NIGHT_LOUNGE", "5"),
        "IDEMPOTENCY_KEY_MISSING": player.http.post("/api/shop/buy", json={"product_id": "LUCKY_CHARM"}),
        "UNAUTHORIZED": httpx.post(f"{player.server.url}/api/shop/buy", json={}),
    }

    assert {code: answer.json()["error"]["code"] for code, answer in answers.items()} == {
        c: c for c in answers
    }
    assert [answer.status_code for answer in answers.values()] == [404, 403, 410, 402, 403, 400, 401]
    assert player.buy("OFF", "6").status_code == 410


def test_a_twin_that_waits_too_long_is_told_to_try_later(player) -> None:
    import psycopg

    with psycopg.connect(player.server.database) as conn:
        conn.execute("SELECT 1 FROM wallets WHERE user_id = %s FOR UPDATE", (player.id,))
        answer = player.buy("LUCKY_CHARM", "k")

    assert answer.json()["error"]["code"] == "IDEMPOTENCY_IN_PROGRESS"
    assert player.buy("LUCKY_CHARM", "k").status_code == 200


def test_the_catalogue_has_what_can_be_bought_now(anyone) -> None:
    items = {item["id"]: item for item in anyone.http.get("/api/shop/catalog").json()["items"]}

    assert items["GOLD_1000"]["kind"] == "gold_pack"
    assert items["LUCKY_CHARM"]["price_gold"] == 200
    assert not {"GONE", "OFF"} & set(items)


def test_transactions_are_listed_newest_first_in_pages(player) -> None:
    for n in range(3):
        player.buy("LUCKY_CHARM", f"k{n}")
    first = player.http.get("/api/shop/transactions", params={"limit": 2}).json()
    rest = player.http.get(
        "/api/shop/transactions", params={"limit": 2, "before": first["next_before"]}
    ).json()
    ids = [item["id"] for item in first["items"] + rest["items"]]

    assert len(ids) == 3
    assert ids == sorted(ids, reverse=True)
    assert rest["next_before"] is None


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b"\xff", b'{"product_id":"A","quantity":1e400}', b'{"product_id":1}']
    + [b'{"product_id":"LUCKY_CHARM","quantity":%s}' % value for value in (b"0", b"true", b'"1"', b"9" * 400)]
    + [b'{"product_id":"%s"}' % value for value in (b"a\\u0000b", b"\\ud800", b"x" * 65, b"' OR 1=1")]
    + [b'{"product_id":"LUCKY_CHARM","\\ud800":1}', b'{"product_id":"LUCKY_CHARM","price":0}'],
)
def test_hostile_bodies_are_the_callers_mistake(anyone, body: bytes) -> None:
    headers, before = {"Idempotency-Key": "k", "Content-Type": "application/json"}, anyone.balance()

    assert anyone.http.post("/api/shop/buy", content=body, headers=headers).status_code in {400, 422}
    assert anyone.balance() == before


@pytest.mark.parametrize("key", ["x" * 256, "x" * 5_000, "\xff", "\xed\xa0\x80", "k" * 255])
def test_hostile_keys_are_refused_or_kept(anyone, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    body = {"product_id": "LUCKY_CHARM", "quantity": 1}

    assert anyone.http.post("/api/shop/buy", json=body, headers=headers).status_code in {200, 422}
