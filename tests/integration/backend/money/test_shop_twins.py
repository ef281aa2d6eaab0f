"""Twins under one key: the wallet row holds them back, and all of them answer what the first one did."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import psycopg
import pytest

_WAITING = (
    """SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%cc_buy(%%'"""
)
# A user's writes have a quarter of the sixteen connections; the others of them wait before.
_PLACES = 4


@pytest.fixture
def held(player) -> Iterator[Callable[..., list[Future[httpx.Response]]]]:
    """`held(asks)`: the answers to come of requests that all wait for the wallet when it is let go."""
    with ThreadPoolExecutor(16) as pool:

        def run(asks: list[Callable[[], httpx.Response]]) -> list[Future[httpx.Response]]:
            with psycopg.connect(player.server.database) as conn:
                conn.execute("SELECT 1 FROM wallets WHERE user_id = %s FOR UPDATE", (player.id,))
                answers = [pool.submit(ask) for ask in asks]
                end = time.monotonic() + 10
                while player.server.sql(_WAITING)[0]["count"] != min(len(asks), _PLACES):
                    assert time.monotonic() < end, "they never came to the wallet"
                    time.sleep(0.01)
            return answers

        yield run


def test_twins_that_wait_together_are_one_purchase(player, held) -> None:
    answers = [one.result() for one in held([lambda: player.buy("LUCKY_CHARM", "k")] * 8)]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert Counter(answer.headers.get("Idempotent-Replayed") for answer in answers) == {None: 1, "true": 7}
    assert [row["delta"] for row in player.ledger()] == [player.gold, -200]


def test_a_twin_that_waits_is_answered_though_the_last_gold_is_gone(player, held) -> None:
    all_of_it = player.gold // 200
    answers = [one.result() for one in held([lambda: player.buy("LUCKY_CHARM", "k", all_of_it)] * 4)]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert player.balance() == 0


def test_one_of_two_different_requests_under_a_key_is_refused_when_both_waited(player, held) -> None:
    asks = [lambda n=n: player.buy("LUCKY_CHARM", "k", n) for n in (1, 2)]
    answers = [one.result() for one in held(asks)]
    refused = next(answer for answer in answers if answer.status_code != 200)

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert refused.json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert len(player.ledger()) == 2


def test_twins_whose_backend_is_killed_while_they_wait_are_one_purchase_afterwards(player, held) -> None:
    def ask() -> httpx.Response | None:
        with contextlib.suppress(httpx.TransportError):
            return player.buy("LUCKY_CHARM", "k")
        return None

    with psycopg.connect(player.server.database) as conn:
        conn.execute("SELECT 1 FROM wallets WHERE user_id = %s FOR UPDATE", (player.id,))
        asking = [threading.Thread(target=ask) for _ in range(6)]
        for one in asking:
            one.start()
        end = time.monotonic() + 10
        while player.server.sql(_WAITING)[0]["count"] != _PLACES:
            assert time.monotonic() < end, "they never came to the wallet"
            time.sleep(0.01)
        player.server.kill()
    # Sessions whose client died may still go on: the wallet is free now.
    answers = [player.buy("LUCKY_CHARM", "k") for _ in range(3)]
    for one in asking:
        one.join(timeout=10)

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert [row["delta"] for row in player.ledger()] == [player.gold, -200]
    found = player.server.sql("SELECT response_status FROM idempotency_keys WHERE user_id = %s", player.id)
    assert [row["response_status"] for row in found] == [200]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE products SET active = false WHERE id = 'TWIN_ITEM'",
        "UPDATE products SET min_rank = 'VIP' WHERE id = 'TWIN_ITEM'",
        "UPDATE products SET price_gold = 900000000 WHERE id = 'TWIN_ITEM'",
    ],
)
def test_a_key_answers_the_same_whatever_became_of_the_product(player, change: str) -> None:
    player.server.sql(
        """INSERT INTO products (id, title, kind, price_gold) VALUES ('TWIN_ITEM', 't', 'item', 5)
           ON CONFLICT (id) DO UPDATE SET active = true, min_rank = 'STANDARD', price_gold = 5"""
    )
    first = player.buy("TWIN_ITEM", "k")
    player.server.sql(change)
    again = player.buy("TWIN_ITEM", "k")

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    assert player.buy("TWIN_ITEM", "other").status_code >= 400


def test_the_events_of_a_purchase_are_numbered_in_their_order(player) -> None:
    player.buy("LUCKY_CHARM", "k")
    rows = player.server.sql("SELECT type FROM outbox WHERE user_id = %s ORDER BY id", player.id)
    seen = [row["type"] for row in rows][-4:]

    assert seen[:3] == ["ledger", "purchase_update", "profile_update"]
