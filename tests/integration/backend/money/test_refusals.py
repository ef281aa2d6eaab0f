"""A refused purchase is told to the buyer's sockets, and never turned into another answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import httpx
import psycopg
import pytest

Burst = Callable[[int, Callable[[int], httpx.Response]], list[httpx.Response]]


def told(player) -> list[dict]:
    """Return the purchase updates that only sockets got."""
    rows = player.server.sql(
        """SELECT payload FROM outbox WHERE user_id = %s AND type = 'purchase_update' AND realtime
              AND topic IS NULL ORDER BY id""",
        player.id,
    )
    return [row["payload"] for row in rows]


@pytest.mark.parametrize(
    ("product", "quantity", "code", "kind", "reason"),
    [
        ("GOLDEN_FRAME", 2, "INSUFFICIENT_GOLD", "item", "insufficient_gold"),
        ("NO_SUCH_THING", 1, "NOT_FOUND", "unknown", "not_found"),
        ("VIP_ONLY", 1, "RANK_REQUIRED", "item", "rank"),
        ("NO_LONGER", 1, "PRODUCT_ENDED", "item", "ended"),
        ("SEASON_PASS", 2, "LIMIT_REACHED", "battle_pass", "limit"),
        ("PRICELESS", 1_000, "AMOUNT_OUT_OF_RANGE", "item", "out_of_range"),
    ],
)
def test_a_refusal_is_one_frame_with_its_reason(
    player, shelf, product: str, quantity: int, code: str, kind: str, reason: str
) -> None:
    answer = player.buy(product, "k", quantity)

    assert answer.json()["error"]["code"] == code
    expected = {"status": "FAILED", "product_id": product, "kind": kind, "qty": quantity, "reason": reason}
    assert told(player) == [expected]
    assert player.balance() == player.gold


def test_too_young_is_told_too(new_player) -> None:
    minor = new_player(adult=False)

    assert minor.buy("NIGHT_LOUNGE", "k").status_code == 403
    assert [one["reason"] for one in told(minor)] == ["age"]


def test_a_reused_key_names_the_purchase_it_belongs_to(player) -> None:
    first = player.buy("LUCKY_CHARM", "k").json()["transaction_id"]

    assert player.buy("GOLDEN_FRAME", "k").status_code == 409
    assert told(player) == [
        {
            "transaction_id": first,
            "status": "IDEMPOTENCY_CONFLICT",
            "product_id": "GOLDEN_FRAME",
            "kind": "item",
            "qty": 1,
            "reason": "key_reused",
        }
    ]


def test_what_may_succeed_in_a_moment_is_not_told(player) -> None:
    with psycopg.connect(player.server.database) as conn:
        conn.execute("SELECT 1 FROM wallets WHERE user_id = %s FOR UPDATE", (player.id,))
        busy = player.buy("LUCKY_CHARM", "k")

    assert busy.json()["error"]["code"] == "IDEMPOTENCY_IN_PROGRESS"
    assert told(player) == []


def test_a_frame_that_can_not_be_written_changes_nothing(player, shelf) -> None:
    """The outbox is locked: the refusal needs nothing of it, its frame would have to wait."""
    with psycopg.connect(player.server.database) as conn:
        conn.execute("LOCK TABLE outbox IN SHARE ROW EXCLUSIVE MODE")
        answer = player.buy("NO_LONGER", "k")

    assert answer.json()["error"]["code"] == "PRODUCT_ENDED"
    assert answer.elapsed.total_seconds() < 2
    assert told(player) == []


def test_a_crowd_of_refusals_keeps_every_frame_and_its_answer(player, burst: Burst) -> None:
    answers = burst(60, lambda n: player.buy("GOLDEN_FRAME", f"k{n}", 2))

    assert Counter(answer.status_code for answer in answers) == {402: 60}
    assert len(told(player)) == 60
