"""Payments: a signed event settles its purchase once, in whatever order and number it arrives."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import pytest

Burst = Callable[[int, Callable[[int], httpx.Response]], list[httpx.Response]]


def header(body: bytes, *, secret: str, moment: int | None = None) -> str:
    at = int(time.time()) if moment is None else moment
    return f"t={at},v1=" + hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def send(server, body: bytes, signature: str | None = None, provider: str = "manual") -> httpx.Response:
    headers = {
        "X-CC-Signature": header(body, secret=server.webhook_secret) if signature is None else signature
    }
    return httpx.post(f"{server.url}/api/payments/webhook/{provider}", content=body, headers=headers)


def event(receipt: str, *, kind: str = "payment.succeeded", amount: int = 999, event_id: str = "") -> bytes:
    made = {"event_id": event_id or f"evt_{secrets.token_hex(8)}", "type": kind}
    return json.dumps(made | {"receipt": receipt, "amount_cents": amount}).encode()


def outcome(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["outcome"]


@pytest.fixture
def pending(player) -> Callable[..., str]:
    """Make purchases of a provider that nobody answers for; returns their receipts."""

    def make(receipt: str = "") -> str:
        receipt = receipt or secrets.token_urlsafe(16)
        player.server.sql(
            """INSERT INTO shop_transactions (public_id, user_id, product_id, qty, kind, unit_price, status,
                 idempotency_key, provider, receipt, amount_cents, trace_id, request_id)
               VALUES (gen_random_uuid(), %s, 'GOLD_1000', 1, 'gold_pack', 999, 'PENDING', %s, 'manual', %s,
                       999, %s, 'test')""",
            player.id,
            secrets.token_hex(8),
            receipt,
            secrets.token_hex(16),
        )
        return receipt

    return make


def test_a_success_credits_once_however_often_it_comes(player, pending, burst: Burst) -> None:
    body = event(pending())
    answers = burst(10, lambda _: send(player.server, body))

    assert Counter(outcome(answer) for answer in answers) == {(200, "processed"): 1, (200, "duplicate"): 9}
    assert player.balance() == player.gold + 1_000


def test_a_failure_after_success_is_ignored(player, pending) -> None:
    receipt = pending()
    answers = [
        send(player.server, event(receipt, kind=kind)) for kind in ("payment.succeeded", "payment.failed")
    ]

    assert [outcome(answer) for answer in answers] == [(200, "processed"), (200, "ignored")]
    assert player.balance() == player.gold + 1_000


def test_a_success_after_failure_is_ignored(player, pending) -> None:
    receipt = pending()
    answers = [
        send(player.server, event(receipt, kind=kind)) for kind in ("payment.failed", "payment.succeeded")
    ]
    rows = player.server.sql(
        "SELECT status, failure_reason FROM shop_transactions WHERE receipt = %s", receipt
    )

    assert [outcome(answer) for answer in answers] == [(200, "processed"), (200, "ignored")]
    assert rows == [{"status": "FAILED", "failure_reason": "declined"}]
    assert player.balance() == player.gold


def test_another_amount_waits_for_a_person(player, pending) -> None:
    receipt = pending()

    assert outcome(send(player.server, event(receipt, amount=998))) == (200, "review")
    assert player.balance() == player.gold


def test_money_before_its_purchase_is_kept_and_settled_later(player, pending, until) -> None:
    receipt = secrets.token_urlsafe(16)
    body = event(receipt)

    assert outcome(send(player.server, body)) == (202, "unknown")
    pending(receipt)
    until(lambda: player.balance() == player.gold + 1_000)
    assert outcome(send(player.server, body)) == (200, "duplicate")
    rows = player.server.sql("SELECT outcome FROM payment_events WHERE receipt = %s", receipt)
    assert rows == [{"outcome": "processed"}]


def test_a_repeat_of_an_unknown_event_settles_it_too(player, pending) -> None:
    receipt = secrets.token_urlsafe(16)
    body = event(receipt)
    send(player.server, body)
    pending(receipt)

    assert outcome(send(player.server, body)) in {(200, "processed"), (200, "duplicate")}
    assert player.balance() == player.gold + 1_000


def test_a_receipt_belongs_to_its_provider(player, pending) -> None:
    assert outcome(send(player.server, event(pending()), provider="somebody")) == (202, "unknown")
    assert player.balance() == player.gold


@pytest.mark.parametrize(
    ("make", "status", "code"),
    [
        (lambda body, secret: header(body, secret="wrong"), 401, "SIGNATURE_INVALID"),
        (lambda body, secret: header(body + b" ", secret=secret), 401, "SIGNATURE_INVALID"),
        (
            lambda body, secret: header(body, secret=secret, moment=int(time.time()) - 301),
            401,
            "TIMESTAMP_SKEW",
        ),
        (
            lambda body, secret: header(body, secret=secret, moment=int(time.time()) + 310),
            401,
            "TIMESTAMP_SKEW",
        ),
        (lambda body, secret: "v1=" + "0" * 64, 400, "SIGNATURE_MALFORMED"),
        (lambda body, secret: "t=1", 400, "SIGNATURE_MALFORMED"),
        (lambda body, secret: "t=1,t=2,v1=0", 400, "SIGNATURE_MALFORMED"),
        (lambda body, secret: "t=99999999999999999999,v1=0", 400, "SIGNATURE_MALFORMED"),
        (lambda body, secret: "nonsense", 400, "SIGNATURE_MALFORMED"),
        (lambda body, secret: "", 400, "SIGNATURE_MALFORMED"),
    ],
)
def test_what_is_not_signed_by_us_now_is_refused(player, pending, make, status: int, code: str) -> None:
    body = event(pending())
    answer = send(player.server, body, make(body, player.server.webhook_secret))

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert player.balance() == player.gold


def test_a_missing_signature_is_malformed(server) -> None:
    answer = httpx.post(f"{server.url}/api/payments/webhook/mock", content=b"{}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "SIGNATURE_MALFORMED")


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"event_id":"e"}', b'{"a":' * 5_000),
        *(event(receipt) for receipt in ("r\x00", "\ud800", "r" * 256, "", " ")),
        event("r", kind="payment.refunded"),
        *(event("r", amount=amount) for amount in (-1, 10**30)),
        event("r").replace(b"999", b'"999"'),
    ],
)
def test_signed_nonsense_is_422(server, body: bytes) -> None:
    answer = send(server, body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "VALIDATION_ERROR")


def test_a_body_above_64_kib_is_not_read_to_its_end(server) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(1_024):
            sent += 16_384
            yield b"x" * 16_384

    url = f"{server.url}/api/payments/webhook/mock"
    try:
        answer = httpx.post(url, content=endless(), headers={"X-CC-Signature": "t=1,v1=0"})
    except httpx.TransportError:
        pass  # the server hung up while we were still sending
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert httpx.post(url, content=b"x" * 65_537).status_code == 413
    assert httpx.get(f"{server.url}/health").status_code == 200


def test_a_kill_between_buy_and_webhook_heals_after_the_restart(player, until) -> None:
    server = player.server
    server.restart(MOCK_GATEWAY="0")
    try:
        answer = player.buy("GOLD_1000", "pack")
        server.kill()
        state = server.sql("SELECT status FROM shop_transactions WHERE user_id = %s", player.id)
    finally:
        server.restart()

    assert answer.status_code == 202
    assert state == [{"status": "PENDING"}]
    until(lambda: player.balance() == player.gold + 1_000)
    assert player.buy("GOLD_1000", "pack").content == answer.content


def test_a_kill_right_after_the_answer_loses_and_doubles_nothing(player, until) -> None:
    for n in range(2):
        assert player.buy("GOLD_1000", f"pack{n}").status_code == 202
        player.server.kill()

    until(lambda: player.balance() == player.gold + 2_000)
    assert [row["reason"] for row in player.ledger()] == ["signup", *["gold_pack"] * 2]


def updates(player, status: str) -> int:
    query = "SELECT 1 FROM outbox WHERE user_id = %s AND type = 'purchase_update' AND payload->>'status' = %s"
    return len(player.server.sql(query, player.id, status))


def test_success_and_failure_at_once_end_in_one_of_them(player, pending, burst: Burst) -> None:
    for _ in range(5):
        receipt, gold = pending(), player.balance()
        news = [event(receipt, kind=f"payment.{kind}") for kind in ("succeeded", "failed") for _ in range(5)]
        answers = burst(10, lambda i, news=news: send(player.server, news[i]))
        (row,) = player.server.sql("SELECT status FROM shop_transactions WHERE receipt = %s", receipt)

        assert Counter(outcome(answer) for answer in answers) == {(200, "processed"): 1, (200, "ignored"): 9}
        assert player.balance() == gold + (1_000 if row["status"] == "SUCCESS" else 0)
    assert updates(player, "SUCCESS") + updates(player, "FAILED") == 5


def test_a_mismatch_is_told_once_however_often_it_comes(player, pending, burst: Burst) -> None:
    body = event(pending(), amount=1)
    answers = burst(10, lambda _: send(player.server, body))

    assert Counter(outcome(answer) for answer in answers) == {(200, "review"): 1, (200, "duplicate"): 9}
    assert (updates(player, "REVIEW"), player.balance()) == (1, player.gold)


def test_one_purchase_that_can_never_be_paid_holds_up_no_other(new_player, until) -> None:
    """A provider's queue with a purchase at its head whose webhook is always refused."""
    unlucky, lucky = new_player(), new_player()
    unlucky.server.sql(
        """INSERT INTO products (id, title, kind, price_cents, gold_amount)
           VALUES ('HUGE', 'huge', 'gold_pack', 1, 9223372036854775807)"""
    )
    # The pack fits a bigint, on top of what the wallet holds it does not.
    assert unlucky.buy("HUGE", "k").status_code == 202
    assert lucky.buy("GOLD_1000", "k").status_code == 202
    try:
        until(lambda: lucky.balance() == lucky.gold + 1_000)
        assert unlucky.balance() == unlucky.gold
    finally:
        unlucky.server.sql("UPDATE shop_transactions SET status = 'FAILED' WHERE product_id = 'HUGE'")
        unlucky.server.sql("UPDATE products SET active = false WHERE id = 'HUGE'")


def test_a_pack_whose_gold_fits_no_wallet_is_refused_before_it_is_charged(player) -> None:
    player.server.sql(
        """INSERT INTO products (id, title, kind, price_cents, gold_amount)
           VALUES ('TOO_MUCH', 'too much', 'gold_pack', 1, 9000000000000000000)"""
    )
    answer = player.buy("TOO_MUCH", "k", 2)
    player.server.sql("UPDATE products SET active = false WHERE id = 'TOO_MUCH'")

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "AMOUNT_OUT_OF_RANGE")
