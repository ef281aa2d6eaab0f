"""Rounds: decided by the seeds, settled once each, the ledger without a gap under a burst."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

Burst = Callable[[int, Callable[[int], httpx.Response]], list[httpx.Response]]


def spin(player, bet: object = 10, key: str = "") -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return player.http.post("/api/games/slot/spin", json={"bet": bet}, headers=headers)


def test_a_round_moves_the_bet_and_the_payout(player) -> None:
    body = spin(player).json()
    moves = [row["delta"] for row in player.ledger()[1:]]

    assert body["balance_after"] == player.gold - 10 + body["payout"] == player.balance()
    assert moves == [-10] + [body["payout"]] * (body["payout"] > 0)
    assert body["payout"] == 10 * body["outcome"]["multiplier"]
    assert body["exp"] == 10


def test_the_seed_is_committed_to_before_the_round_and_the_nonce_counts(player) -> None:
    before = player.http.get("/api/games/fairness").json()
    proofs = [spin(player).json()["fairness"] for _ in range(3)]

    assert [proof["nonce"] for proof in proofs] == [0, 1, 2]
    assert {proof["server_seed_hash"] for proof in proofs} == {before["server_seed_hash"]}
    assert player.http.get("/api/games/fairness").json()["nonce"] == 3


def test_ten_rounds_at_once_are_all_played_without_a_gap(player, burst: Burst) -> None:
    answers = burst(10, lambda _: spin(player))
    rows = player.ledger()

    assert [answer.status_code for answer in answers] == [200] * 10
    assert sorted(answer.json()["fairness"]["nonce"] for answer in answers) == list(range(10))
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert player.balance() == sum(int(str(row["delta"])) for row in rows)
    assert {answer.json()["balance_after"] for answer in answers} <= {row["balance_after"] for row in rows}


def test_the_same_key_plays_one_round(player, burst: Burst) -> None:
    answers = burst(5, lambda _: spin(player, 10, "k"))
    other = spin(player, 11, "k")

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(player.server.sql("SELECT 1 FROM game_rounds WHERE user_id = %s", player.id)) == 1
    assert other.json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_the_bet_must_be_covered_before_the_win(player) -> None:
    assert player.buy("GOLDEN_FRAME", "k").status_code == 200
    answer = spin(player, 101)

    assert answer.status_code == 402
    assert player.balance() == 100
    assert player.http.get("/api/games/fairness").json()["nonce"] == 0


def test_age_is_proven_first(new_player) -> None:
    answer = spin(new_player(adult=False))

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "AGE_VERIFICATION_REQUIRED")


@pytest.mark.parametrize("bet", [0, -1, 1_001, 10**9, 10**30, 1.5, "10", True, None, [], {}])
def test_bets_out_of_range_are_the_callers_mistake(anyone, bet: object) -> None:
    assert spin(anyone, bet).status_code == 422
    assert anyone.balance() == anyone.gold


def test_statistics_and_the_metric_count_rounds(player) -> None:
    series = [f'game_rounds_total{{game="slot",outcome="{outcome}"}}' for outcome in ("win", "lose")]
    before = [player.server.metric(name) for name in series]
    payouts = [spin(player).json()["payout"] for _ in range(4)]
    wins = sum(payout > 0 for payout in payouts)

    assert [player.server.metric(name) for name in series] == [before[0] + wins, before[1] + 4 - wins]
    assert player.http.get("/api/games/stats").json()["items"] == [
        {"game": "slot", "plays": 4, "wins": wins, "losses": 4 - wins, "wagered": 40, "paid": sum(payouts)}
    ]


def test_shared_keys_among_many_spins_never_deadlock(player, burst: Burst) -> None:
    """A spin that lost its nonce locks key and wallet in the same order as one that did not."""

    def deadlocks() -> int:
        return player.server.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[
            0
        ]["deadlocks"]

    def spin(i: int) -> httpx.Response:
        headers = {"Idempotency-Key": f"shared-{i // 4}"} if i % 4 != 3 else {}
        return player.http.post("/api/games/slot/spin", json={"bet": 10}, headers=headers)

    before = deadlocks()
    answers = [answer for _ in range(3) for answer in burst(24, spin)]

    assert {answer.status_code for answer in answers} == {200}
    assert deadlocks() == before
