"""Refunds: new rows that cancel the old ones, once, and never more than was there."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable

import httpx
import psycopg
import pytest

from tests.integration.backend.money.payment import updates

Burst = Callable[[int, Callable[[int], httpx.Response]], list[httpx.Response]]


@pytest.fixture
def refund(admin) -> Callable[..., httpx.Response]:
    def call(tx: str, key: str = "", who=admin, reason: str = "asked for") -> httpx.Response:
        headers = {"Idempotency-Key": key or secrets.token_hex(8)}
        return who.http.post(f"/api/payments/{tx}/refund", json={"reason": reason}, headers=headers)

    return call


def bought(player, product: str, key: str = "k", quantity: int = 1) -> str:
    answer = player.buy(product, key, quantity)
    assert answer.status_code in {200, 202}, answer.text
    return str(answer.json()["transaction_id"])


def status(player, tx: str) -> str:
    query = "SELECT status FROM shop_transactions WHERE public_id = %s"
    return str(player.server.sql(query, tx)[0]["status"])


def test_an_item_gives_its_price_back_as_a_new_row(player, admin, refund) -> None:
    tx = bought(player, "LUCKY_CHARM", quantity=2)
    answer = refund(tx)

    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["gold"]) == ("REFUNDED", 400)
    assert answer.json()["balance_after"] == player.balance() == player.gold
    rows = [(row["reason"], row["delta"], row["ref_id"] == tx) for row in player.ledger()[1:]]
    assert rows == [("purchase", -400, True), ("refund", 400, True)]
    assert updates(player, "REFUNDED") == 1
    frames = player.server.sql(
        "SELECT type FROM outbox WHERE user_id = %s AND realtime ORDER BY id DESC LIMIT 3", player.id
    )
    assert [row["type"] for row in frames] == ["profile_update", "reward_granted", "purchase_update"]
    (audit,) = player.server.sql("SELECT * FROM audit_log WHERE target = %s", f"shop_tx:{tx}")
    assert (audit["actor_id"], audit["action"], audit["after"]["gold"]) == (admin.id, "payment.refund", 400)


def test_the_same_key_answers_the_same_bytes_another_key_is_too_late(player, refund) -> None:
    tx = bought(player, "LUCKY_CHARM")
    key = secrets.token_hex(8)
    first, again = refund(tx, key), refund(tx, key)

    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert refund(tx).json()["error"]["code"] == "NOT_REFUNDABLE"
    assert refund(tx, key, reason="other").json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert player.balance() == player.gold


def test_a_pack_takes_its_gold_back_unless_it_is_spent(player, refund, until) -> None:
    other = bought(player, "GOLD_1000", "k2")
    until(lambda: status(player, other) == "SUCCESS")
    player.buy("GOLDEN_FRAME", "spend", player.balance() // 900)
    left, key = player.balance(), secrets.token_hex(8)

    assert refund(other, key).json()["error"]["code"] == "INSUFFICIENT_GOLD"
    assert (status(player, other), player.balance()) == ("SUCCESS", left)
    third = bought(player, "GOLD_1000", "k3")
    until(lambda: status(player, third) == "SUCCESS")
    assert refund(other, key).json()["gold"] == -1_000  # the refused key was free
    assert player.balance() == left


def test_what_was_paid_outside_and_gave_no_gold_moves_none(player, shelf, refund, until) -> None:
    tx = bought(player, "PAID_ITEM")
    until(lambda: status(player, tx) == "SUCCESS")
    answer = refund(tx)

    assert answer.status_code == 200
    assert "gold" not in answer.json()
    assert (status(player, tx), len(player.ledger())) == ("REFUNDED", 1)


def test_a_pass_is_closed_unless_its_rewards_were_taken(player, shelf, refund) -> None:
    sql = player.server.sql
    tx = bought(player, "SEASON_PASS")
    owners = "SELECT 1 FROM battle_pass_owners WHERE user_id = %s"
    assert len(sql(owners, player.id)) == 1
    assert refund(tx).status_code == 200
    assert sql(owners, player.id) == []

    again = bought(player, "SEASON_PASS", "again")
    with psycopg.connect(player.server.database) as conn:  # rolled back: no gold was really granted
        claim = """INSERT INTO battle_pass_claims (season, user_id, track, level, reward_gold, ledger_seq)
                   VALUES ('T1', %s, %s, 1, 1, 1)"""
        refuse = "SELECT cc_refund('{\"env\":\"dev\"}', %s, %s, 'r', 'k', 'x')"
        conn.execute(claim, (player.id, "free"))
        conn.execute(claim, (player.id, "premium"))
        with pytest.raises(psycopg.errors.Error, match="NOT_REFUNDABLE"):
            conn.execute(refuse, (player.id, again))
    assert status(player, again) == "SUCCESS"


@pytest.fixture
def package(player) -> dict:
    """A limited package of two, for gold."""
    name = "P" + secrets.token_hex(4)
    player.server.sql(
        f"""INSERT INTO products (id, title, kind, price_gold) VALUES ('{name}', 'l', 'limited', 100);
            INSERT INTO limited_packages (id, product_id, stock_total) VALUES ('{name}', '{name}', 2)"""
    )
    return {"id": name}


def test_a_limited_unit_goes_back_on_the_shelf(player, refund, package) -> None:
    def buy(key: str) -> httpx.Response:
        return player.http.post(f"/api/shop/limited/{package['id']}/buy", headers={"Idempotency-Key": key})

    first = buy("a")
    assert first.status_code == 200, first.text
    assert buy("b").json()["error"]["code"] == "LIMIT_REACHED"
    assert refund(first.json()["transaction_id"]).json()["gold"] == 100
    stock = player.server.sql(
        "SELECT stock_reserved, stock_sold FROM limited_packages WHERE id = %s", package["id"]
    )
    assert stock == [{"stock_reserved": 0, "stock_sold": 0}]
    assert buy("b").status_code == 200
    assert player.balance() == player.gold - 100


def test_what_can_not_be_refunded(player, pending, refund) -> None:
    pending()
    (row,) = player.server.sql("SELECT public_id FROM shop_transactions WHERE user_id = %s", player.id)
    tx = bought(player, "LUCKY_CHARM")
    missing = {"json": {"reason": "r"}}
    codes = [
        refund(row["public_id"]),
        refund("0" * 8 + "-0000-0000-0000-" + "0" * 12),
        refund(tx, who=player),
        refund("nothing"),
        refund(tx, reason=""),
        refund(tx, "k" * 256),
    ]

    assert [answer.json()["error"]["code"] for answer in codes] == [
        *("NOT_REFUNDABLE", "NOT_FOUND", "RANK_REQUIRED", "VALIDATION_ERROR", "VALIDATION_ERROR"),
        "VALIDATION_ERROR",
    ]
    assert httpx.post(f"{player.server.url}/api/payments/{tx}/refund", **missing).status_code == 401
    assert status(player, tx) == "SUCCESS"


def test_a_refund_needs_a_key_and_a_free_wallet(player, admin, refund) -> None:
    tx = bought(player, "LUCKY_CHARM")
    without = admin.http.post(f"/api/payments/{tx}/refund", json={"reason": "r"})
    with psycopg.connect(player.server.database) as conn:
        conn.execute("SELECT 1 FROM wallets WHERE user_id = %s FOR UPDATE", (player.id,))
        busy = refund(tx)

    assert without.json()["error"]["code"] == "IDEMPOTENCY_KEY_MISSING"
    assert busy.json()["error"]["code"] == "IDEMPOTENCY_IN_PROGRESS"


def test_a_price_that_fits_the_wallet_no_longer_stays_spent(new_player, refund) -> None:
    rich = new_player()
    ctx = '{"trace_id":"t","request_id":"r","env":"dev"}'
    tx = bought(rich, "LUCKY_CHARM")
    post = "SELECT cc_post(%s, %s, %s, 'mint:test', 'test', 'test', %s)"
    rich.server.sql(post, ctx, rich.id, 2**63 - 1 - rich.balance(), "rich")
    answer = refund(tx)

    assert answer.json()["error"]["code"] == "AMOUNT_OUT_OF_RANGE"
    assert status(rich, tx) == "SUCCESS"


def test_a_hundred_refunds_at_once_are_one(player, refund, burst: Burst) -> None:
    tx = bought(player, "LUCKY_CHARM")
    answers = burst(100, lambda n: refund(tx, f"{tx}-{n % 4}"))
    refused = [answer.json()["error"]["code"] for answer in answers if answer.status_code != 200]

    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert set(refused) <= {"NOT_REFUNDABLE"}
    assert Counter(answer.status_code for answer in answers)[200] == 25  # one key won, with its repetitions
    assert [row["reason"] for row in player.ledger()] == ["signup", "purchase", "refund"]
    assert updates(player, "REFUNDED") == 1


def test_refunds_among_purchases_leave_the_books_whole(player, shelf, refund, burst: Burst) -> None:
    """Every purchase is refunded twice while others are made; nothing is lost and nothing doubled."""
    made = [bought(player, "PENNY", f"k{n}") for n in range(30)]

    def act(i: int) -> httpx.Response:
        return player.buy("PENNY", f"new{i}") if i % 3 == 0 else refund(made[i // 3 % 30])

    answers = burst(120, act)
    sold = 30 + sum(answer.status_code == 200 for answer in answers[::3])
    back = sum(answer.status_code == 200 for i, answer in enumerate(answers) if i % 3)

    assert (sold, back) == (70, 30)
    assert player.balance() == player.gold - 70 + 30
    assert [row["seq"] for row in player.ledger()] == list(range(1, 1 + 1 + 70 + 30))
