"""Payments: a signed event settles its purchase once, in whatever order and number it arrives."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.integration.backend.money.payment import event, header, outcome, send, updates

Burst = Callable[[int, Callable[[int], httpx.Response]], list[httpx.Response]]


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


def test_a_success_after_failure_is_money_that_waits_for_a_person(player, pending) -> None:
    receipt = pending()
    answers = [
        send(player.server, event(receipt, kind=kind)) for kind in ("payment.failed", "payment.succeeded")
    ]
    rows = player.server.sql(
        "SELECT status, failure_reason FROM shop_transactions WHERE receipt = %s", receipt
    )

    assert [outcome(answer) for answer in answers] == [(200, "processed"), (200, "review")]
    assert rows == [{"status": "REVIEW", "failure_reason": "paid_after_failure"}]
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


def test_success_and_failure_at_once_end_in_one_of_them(player, pending, burst: Burst) -> None:
    ends: Counter[str] = Counter()
    for _ in range(5):
        receipt, gold = pending(), player.balance()
        news = [event(receipt, kind=f"payment.{kind}") for kind in ("succeeded", "failed") for _ in range(5)]
        answers = burst(10, lambda i, news=news: send(player.server, news[i]))
        (row,) = player.server.sql("SELECT status FROM shop_transactions WHERE receipt = %s", receipt)
        seen = Counter(outcome(answer) for answer in answers)

        # A failure that came first leaves the money of the success to a person.
        reviewed = row["status"] == "REVIEW"
        assert seen == Counter(
            {(200, "processed"): 1, (200, "ignored"): 9 - reviewed, (200, "review"): reviewed}
        )
        assert player.balance() == gold + (0 if reviewed else 1_000)
        ends[row["status"]] += 1
    assert updates(player, "SUCCESS") == ends["SUCCESS"]
    assert updates(player, "FAILED") == updates(player, "REVIEW") == ends["REVIEW"]


def test_a_mismatch_is_told_once_however_often_it_comes(player, pending, burst: Burst) -> None:
    body = event(pending(), amount=1)
    answers = burst(10, lambda _: send(player.server, body))

    assert Counter(outcome(answer) for answer in answers) == {(200, "review"): 1, (200, "duplicate"): 9}
    assert (updates(player, "REVIEW"), player.balance()) == (1, player.gold)


def test_gold_that_no_longer_fits_the_wallet_waits_for_a_person(player, pending) -> None:
    """It fitted when it was promised; the wallet has filled up since."""
    body = event(pending(gold=2**63 - 1))

    assert outcome(send(player.server, body)) == (200, "review")
    assert outcome(send(player.server, body)) == (200, "duplicate")
    (row,) = player.server.sql(
        "SELECT status, failure_reason FROM shop_transactions WHERE user_id = %s", player.id
    )
    assert row == {"status": "REVIEW", "failure_reason": "wallet_full"}
    assert (updates(player, "REVIEW"), player.balance()) == (1, player.gold)


def test_the_gateway_does_not_ask_again_and_again_for_what_is_refused(new_player, until) -> None:
    """A provider's queue with purchases at its head whose webhook is always refused."""
    unlucky, lucky = new_player(), new_player()
    server = unlucky.server
    # No header can carry this receipt's event: the webhook answers 422 whenever it is asked.
    server.sql(
        """INSERT INTO shop_transactions (public_id, user_id, product_id, qty, kind, unit_price, status,
             idempotency_key, provider, receipt, amount_cents, gold_amount, trace_id, request_id, created_at)
           SELECT gen_random_uuid(), %s, 'GOLD_1000', 1, 'gold_pack', 1, 'PENDING', 'k' || n, 'mock',
                  'white space ' || n, 1, 1, repeat('a', 32), 'test', now() - interval '1 day'
             FROM generate_series(1, 60) n""",
        unlucky.id,
    )
    series = 'payment_events_total{outcome="rejected"}'
    try:
        before = server.metric(series)
        assert lucky.buy("GOLD_1000", "k").status_code == 202
        until(lambda: lucky.balance() == lucky.gold + 1_000)
        time.sleep(2)
        # Twice a second and purchase these would be 240.
        assert 60 <= server.metric(series) - before < 240
    finally:
        server.sql(
            "UPDATE shop_transactions SET status = 'FAILED', failure_reason = 'declined', settled_at = now()"
            " WHERE user_id = %s",
            unlucky.id,
        )


def test_another_text_under_a_known_event_id_changes_nothing(player, pending) -> None:
    first, other = pending(), pending()
    body = event(first, event_id="evt_" + first)
    unknown = event("nobody-" + first, event_id="evt_u" + first)

    assert outcome(send(player.server, unknown)) == (202, "unknown")
    for late in (event(other, event_id="evt_u" + first), unknown.replace(b"999", b"998")):
        assert outcome(send(player.server, late)) == (200, "duplicate")
    assert outcome(send(player.server, body)) == (200, "processed")
    assert outcome(send(player.server, event(other, event_id="evt_" + first))) == (200, "duplicate")
    assert player.balance() == player.gold + 1_000


def test_each_outcome_is_counted(player, pending) -> None:
    server, receipt = player.server, pending()

    def counts() -> dict[str, float]:
        names = ("processed", "duplicate", "unknown", "ignored", "review", "rejected")
        return {name: server.metric(f'payment_events_total{{outcome="{name}"}}') for name in names}

    before, body = counts(), event(receipt)
    for sent in (body, body, event("nobody-knows"), event(receipt, kind="payment.failed")):
        send(server, sent)
    send(server, event(pending(), amount=1))
    send(server, body, "t=1,v1=0")

    assert {name: count - before[name] for name, count in counts().items()} == dict.fromkeys(before, 1)


def test_every_live_secret_verifies_and_a_retired_one_does_not(player, pending) -> None:
    server = player.server
    old = server.webhook_secret
    server.restart(WEBHOOK_SECRETS="fresh-secret," + old)
    try:
        for secret in ("fresh-secret", old):
            body = event(pending())
            assert outcome(send(server, body, header(body, secret=secret))) == (200, "processed")
        body = event(pending())
        both = header(body, secret="retired") + ",v1=" + header(body, secret=old).partition("v1=")[2]
        assert send(server, body, header(body, secret="retired")).status_code == 401
        assert outcome(send(server, body, both)) == (200, "processed")
    finally:
        server.restart()


def test_a_pack_whose_gold_fits_no_wallet_is_refused_before_it_is_charged(player) -> None:
    player.server.sql(
        """INSERT INTO products (id, title, kind, price_cents, gold_amount)
           VALUES ('TOO_MUCH', 'too much', 'gold_pack', 1, 9000000000000000000)"""
    )
    answer = player.buy("TOO_MUCH", "k", 2)
    player.server.sql("UPDATE products SET gold_amount = 9223372036854775807 WHERE id = 'TOO_MUCH'")
    # Fits a bigint, but not on top of what the wallet holds.
    on_top = player.buy("TOO_MUCH", "k")
    player.server.sql("UPDATE products SET active = false WHERE id = 'TOO_MUCH'")

    for one in (answer, on_top):
        assert (one.status_code, one.json()["error"]["code"]) == (422, "AMOUNT_OUT_OF_RANGE")
