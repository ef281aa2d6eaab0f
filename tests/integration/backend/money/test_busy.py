"""Locks that cross: somebody is told to try again, and the next try finds everything as it should be."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

import httpx
import psycopg

from tests.integration.backend.money.payment import event, outcome, send

_KEY = """INSERT INTO idempotency_keys (user_id, scope, key, request_hash, expires_at)
VALUES (%s, %s, %s, 'x', now()) ON CONFLICT DO NOTHING"""
_WALLET = "SELECT 1 FROM wallets WHERE user_id = %s FOR UPDATE"


def crossed(
    player, owner: int, scope: str, key: str, ask: Callable[[], httpx.Response], *, last: str = "wallet"
) -> httpx.Response:
    """Hold what `ask` takes last, wait until it has the other and waits for us, then want the other too.

    Money takes the key and then the wallet, a purchase the wallet and then the key. PostgreSQL ends the one
    that first has waited for a second (our own connection looks later): the request.
    """
    steps = [(_KEY, (owner, scope, key)), (_WALLET, (player.id,))]
    first, second = steps if last == "key" else steps[::-1]
    answers: list[httpx.Response] = []
    with psycopg.connect(player.server.database) as conn:
        conn.execute(*first)
        asking = threading.Thread(target=lambda: answers.append(ask()))
        asking.start()
        end = time.monotonic() + 10
        while not player.server.sql("SELECT 1 FROM pg_locks WHERE NOT granted"):
            assert time.monotonic() < end, "the request never waited"
            time.sleep(0.02)
        conn.execute("SET deadlock_timeout = '8s'")
        conn.execute(*second)
        conn.rollback()
    asking.join(timeout=10)
    return answers[0]


def test_a_purchase_in_a_deadlock_is_busy_and_its_key_is_free(player) -> None:
    answer = crossed(player, player.id, "buy", "k", lambda: player.buy("LUCKY_CHARM", "k"), last="key")

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "BUSY")
    assert player.buy("LUCKY_CHARM", "k").status_code == 200
    assert player.balance() == player.gold - 200


def test_a_refund_in_a_deadlock_is_busy_and_its_key_is_free(player, admin) -> None:
    tx, key = player.buy("LUCKY_CHARM", "k").json()["transaction_id"], secrets.token_hex(8)

    def refund() -> httpx.Response:
        return admin.http.post(
            f"/api/payments/{tx}/refund", json={"reason": "r"}, headers={"Idempotency-Key": key}
        )

    answer = crossed(player, admin.id, "refund", key, refund)

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "BUSY")
    assert refund().status_code == 200
    assert player.balance() == player.gold


def test_a_payment_whose_wallet_is_held_comes_again(player, pending) -> None:
    body = event(pending())
    with psycopg.connect(player.server.database) as conn:
        conn.execute("SELECT 1 FROM wallets WHERE user_id = %s FOR UPDATE", (player.id,))
        answer = send(player.server, body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "BUSY")
    assert outcome(send(player.server, body)) == (200, "processed")


def test_late_money_for_what_is_sold_out_waits_and_can_not_be_approved(player, new_player, admin) -> None:
    server, other, name = player.server, new_player(), "P" + secrets.token_hex(4)
    server.sql(
        f"""INSERT INTO products (id, title, kind, price_cents) VALUES ('{name}', 'l', 'limited', 300);
            INSERT INTO limited_packages (id, product_id, stock_total) VALUES ('{name}', '{name}', 1)"""
    )

    def buy(who) -> httpx.Response:
        return who.http.post(f"/api/shop/limited/{name}/buy", headers={"Idempotency-Key": "k"})

    server.restart(MOCK_GATEWAY="0")
    try:
        late = buy(player).json()
        server.sql("UPDATE limited_holds SET expires_at = now() WHERE package_id = %s", name)
        server.sql("SELECT cc_limited_expire(100)")
        won = buy(other).json()
        first = send(server, event(won["receipt"], amount=300), provider="mock")
        second = send(server, event(late["receipt"], amount=300), provider="mock")
        decision = {"amount_cents": 300, "decision": "approve", "reason": "they paid"}
        path = f"/api/payments/{late['transaction_id']}/settle"
        approved = admin.http.post(path, json=decision)
        rejected = admin.http.post(path, json=decision | {"decision": "reject"})
        back = admin.http.post(
            f"/api/payments/{won['transaction_id']}/refund",
            json={"reason": "r"},
            headers={"Idempotency-Key": secrets.token_hex(8)},
        )
    finally:
        server.restart()

    assert (outcome(first), outcome(second)) == ((200, "processed"), (200, "review"))
    assert (approved.status_code, approved.json()["error"]["code"]) == (409, "SOLD_OUT")
    assert (rejected.status_code, rejected.json()["status"]) == (200, "FAILED")
    assert back.status_code == 200
    stock = "SELECT stock_reserved, stock_sold FROM limited_packages WHERE id = %s"
    assert server.sql(stock, name) == [{"stock_reserved": 0, "stock_sold": 0}]
