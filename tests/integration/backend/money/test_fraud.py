"""The fraud window: a few payments a minute, one slot a key, and Redis is never the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import pytest

Burst = Callable[[int, Callable[[int], httpx.Response]], list[httpx.Response]]


def test_the_sixth_payment_in_a_minute_waits(player, cache) -> None:
    answers = [player.buy("GOLD_1000", f"k{n}") for n in range(6)]

    assert [answer.status_code for answer in answers] == [202] * 5 + [429]
    assert answers[-1].json()["error"]["code"] == "FRAUD_WINDOW"
    assert 55 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert 0 < cache.ttl(f"fraud:buy:{player.id}") <= 65
    assert cache.type(f"fraud:buy:{player.id}") == "zset"


def test_a_crowd_of_payments_gets_five(player, burst: Burst) -> None:
    before = player.server.metric('fraud_blocked_total{flow="payment"}')
    answers = burst(60, lambda n: player.buy("GOLD_1000", f"k{n}"))

    assert Counter(answer.status_code for answer in answers) == {202: 5, 429: 55}
    assert player.server.metric('fraud_blocked_total{flow="payment"}') == before + 55


def test_a_repetition_is_never_refused(player, cache) -> None:
    first = [player.buy("GOLD_1000", f"k{n}") for n in range(5)]
    again = [player.buy("GOLD_1000", f"k{n}") for n in range(5)]
    # Redis forgot who had a slot, and five others took them.
    cache.delete(f"fraud:buy:{player.id}")
    others = [player.buy("GOLD_5000", f"o{n}") for n in range(6)]
    late = [player.buy("GOLD_1000", f"k{n}") for n in range(5)]

    assert [answer.content for answer in again + late] == [answer.content for answer in first] * 2
    assert [answer.status_code for answer in others] == [202] * 5 + [429]


def test_a_refused_purchase_gives_its_slot_back(player, shelf, cache) -> None:
    for n in range(7):
        assert player.buy("VIP_PACK", f"v{n}").status_code == 403

    assert cache.zcard(f"fraud:buy:{player.id}") == 0
    assert player.buy("GOLD_1000", "k").status_code == 202


def test_a_conflict_does_not_free_the_slot_of_the_purchase_it_conflicts_with(player, cache) -> None:
    player.buy("GOLD_1000", "k")

    assert player.buy("GOLD_5000", "k").status_code == 409
    assert cache.zcard(f"fraud:buy:{player.id}") == 1


def test_sending_each_key_twice_does_not_widen_the_window(player, shelf, burst: Burst, cache) -> None:
    """One half is refused and would give back the place the other half stands on."""
    answers = burst(60, lambda n: player.buy("VIP_PACK" if n % 2 else "GOLD_1000", f"k{n // 2}"))
    made = sum(answer.status_code == 202 for answer in answers)

    assert cache.zcard(f"fraud:buy:{player.id}") == made <= 5


def test_purchases_for_gold_have_no_limit_by_default(player, shelf, cache) -> None:
    assert {player.buy("PENNY", f"k{n}").status_code for n in range(40)} == {200}
    assert cache.exists(f"fraud:gold:{player.id}") == 0


def test_while_redis_hangs_the_shop_stays_open(player, cache) -> None:
    before = player.server.metric('fraud_unchecked_total{flow="payment"}')
    for n in range(5):
        assert player.buy("GOLD_1000", f"k{n}").status_code == 202
    cache.execute_command("CLIENT", "PAUSE", 5_000, "WRITE")
    try:
        sixth = player.buy("GOLD_1000", "k5")
    finally:
        cache.execute_command("CLIENT", "UNPAUSE")

    assert sixth.status_code == 202
    assert sixth.elapsed.total_seconds() < 4
    assert player.server.metric('fraud_unchecked_total{flow="payment"}') == before + 1


@pytest.fixture
def limited_server(server) -> Iterator[object]:
    """The backend with the limits of prod, in a window of two seconds."""
    server.restart(FRAUD_ITEM_LIMIT="3", FRAUD_WINDOW_S="2", FRAUD_PAYMENT_LIMIT="1")
    yield server
    server.restart()


def test_purchases_for_gold_are_limited_where_the_settings_say_so(
    limited_server, player, shelf, until
) -> None:
    answers = [player.buy("PENNY", f"k{n}") for n in range(4)]
    payment = player.buy("GOLD_1000", "p")

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) <= 2
    assert payment.status_code == 202  # the two windows do not share places
    until(lambda: player.buy("PENNY", "k3").status_code == 200)
    assert player.balance() >= player.gold - 4
