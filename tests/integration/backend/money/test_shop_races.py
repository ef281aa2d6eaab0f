"""Crowds at the counter: sold = affordable, every key once, and Redis is only a memory."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable

import httpx

Burst = Callable[[int, Callable[[int], httpx.Response]], list[httpx.Response]]


def books(player) -> dict[str, int]:
    """Return what each place has of the player's purchases."""
    (row,) = player.server.sql(
        """SELECT (SELECT count(*) FROM shop_transactions WHERE user_id = %s AND status = 'SUCCESS') AS shop,
                  (SELECT count(*) FROM gold_ledger WHERE user_id = %s AND reason = 'purchase') AS ledger,
                  (SELECT count(*) FROM outbox WHERE user_id = %s AND type = 'purchase_update'
                      AND payload->>'status' = 'SUCCESS' AND topic IS NOT NULL) AS outbox,
                  (SELECT count(*) FROM idempotency_keys WHERE user_id = %s AND scope = 'buy') AS keys""",
        *[player.id] * 4,
    )
    return {name: int(str(count)) for name, count in row.items()}


def test_two_hundred_keys_sell_what_the_gold_pays_for(player, burst: Burst) -> None:
    answers = burst(200, lambda n: player.buy("LUCKY_CHARM", f"k{n}"))
    refused = [f"k{n}" for n, answer in enumerate(answers) if answer.status_code == 402]

    assert Counter(answer.status_code for answer in answers) == {200: 5, 402: 195}
    assert player.balance() == 0
    assert books(player) == dict.fromkeys(("shop", "ledger", "outbox", "keys"), 5)
    assert [row["seq"] for row in player.ledger()] == list(range(1, 7))
    ctx = '{"trace_id":"t","request_id":"r","env":"dev"}'
    player.server.sql("SELECT cc_post(%s, %s, 200, 'mint:t', 'test', 'test', 'more')", ctx, player.id)
    assert player.buy("LUCKY_CHARM", refused[0]).status_code == 200  # a refused key is free


def test_a_hundred_callers_of_one_key_get_the_same_bytes(player, burst: Burst) -> None:
    answers = burst(100, lambda _: player.buy("LUCKY_CHARM", "same"))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert Counter(answer.headers.get("Idempotent-Replayed") for answer in answers) == {None: 1, "true": 99}
    assert books(player) == dict.fromkeys(("shop", "ledger", "outbox", "keys"), 1)


def test_one_key_for_two_things_makes_one_of_them(player, burst: Burst) -> None:
    answers = burst(100, lambda n: player.buy("LUCKY_CHARM", "k", 1 + n % 2))
    done = {answer.content for answer in answers if answer.status_code == 200}

    assert Counter(answer.status_code for answer in answers) == {200: 50, 409: 50}
    assert len(done) == 1
    assert books(player) == dict.fromkeys(("shop", "ledger", "outbox", "keys"), 1)


def test_packs_bought_at_once_are_paid_once_each(new_player, burst: Burst, until) -> None:
    players = [new_player() for _ in range(10)]
    answers = burst(50, lambda n: players[n % 10].buy("GOLD_1000", f"k{n}"))

    assert Counter(answer.status_code for answer in answers) == {202: 50}
    until(lambda: all(one.balance() == one.gold + 5_000 for one in players))


def test_the_cache_of_keys_is_what_the_seed_expects_and_no_truth(player, cache, until) -> None:
    first = player.buy("LUCKY_CHARM", "k")
    name = f"shop:idemp:{player.id}:LUCKY_CHARM:k"
    until(lambda: cache.get(name) == first.json()["transaction_id"])
    assert 86_000 < cache.ttl(name) <= 86_400
    cache.flushall()
    again = player.buy("LUCKY_CHARM", "k")
    until(lambda: cache.get(name) == first.json()["transaction_id"])
    cache.set(name, "a lie")
    lied = player.buy("LUCKY_CHARM", "k")

    assert first.content == again.content == lied.content
    assert player.buy("GOLDEN_FRAME", "k").json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert player.balance() == player.gold - 200


def test_a_refused_purchase_leaves_no_key_behind(player, cache, until) -> None:
    marker = f"shop:idemp:{player.id}:LUCKY_CHARM:marker"
    assert player.buy("GOLDEN_FRAME", "k", 2).status_code == 402
    player.buy("LUCKY_CHARM", "marker")
    until(lambda: cache.exists(marker))  # written in order: what came before is written too

    assert not cache.exists(f"shop:idemp:{player.id}:GOLDEN_FRAME:k")


def test_redis_forgets_all_in_the_middle_of_a_crowd(player, burst: Burst, cache) -> None:
    def act(n: int) -> httpx.Response:
        if n % 10 == 9:
            cache.flushall()
        return player.buy("LUCKY_CHARM", f"k{n % 20}")

    answers = burst(100, act)
    done = {answer.json()["transaction_id"] for answer in answers if answer.status_code == 200}

    assert {answer.status_code for answer in answers} == {200, 402}
    assert len(done) == 5
    assert books(player) == dict.fromkeys(("shop", "ledger", "outbox", "keys"), 5)


def test_a_purchase_whose_answer_got_lost_is_found_by_its_key(player) -> None:
    """The caller hangs up at once; whatever became of it, the key tells and nothing happens twice."""
    for n in range(10):
        with httpx.Client(base_url=player.server.url, timeout=0.004) as impatient:
            with contextlib.suppress(httpx.TransportError):
                impatient.post(
                    "/api/shop/buy",
                    json={"product_id": "LUCKY_CHARM", "quantity": 1},
                    headers={**dict(player.http.headers), "Idempotency-Key": f"k{n % 5}"},
                )
    answers = [player.buy("LUCKY_CHARM", f"k{n}") for n in range(5)]

    assert {answer.status_code for answer in answers} == {200}
    assert player.balance() == 0
    assert books(player)["shop"] == 5
