"""Gacha and rock, paper, scissors are drawn fairly; the bet scales the payout and touches nothing else."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccops.backend.rules import paytables
from ccops.backend.rules.paytables import HANDS
from ccops.backend.services import gacha, rps
from ccops.backend.services.draw import words
from ccops.backend.services.rounds import Game, Wanted, settle

SEED = bytes(range(32))
TABLES = paytables()
hands = st.sampled_from(HANDS)
nonces = st.integers(0, 2**63 - 1)


def point(message: bytes, count: int) -> int:
    """What a player computes: the first word of the HMAC (all of these words are fair)."""
    digest = hmac.new(SEED, message, hashlib.sha256).digest()
    return int.from_bytes(digest[:4], "big") % count


@pytest.mark.parametrize("nonce", range(6))
def test_a_player_can_recompute_a_pull(nonce: int) -> None:
    ranges = {"COMMON": range(700), "RARE": range(700, 920), "EPIC": range(920, 990)}
    at = point(f"lucky:{nonce}".encode(), 1_000)

    assert gacha.pull(TABLES.gacha, words(SEED, "lucky", nonce)).prize == next(
        (name for name, these in ranges.items() if at in these), "LEGENDARY"
    )


@pytest.mark.parametrize("nonce", range(6))
def test_a_player_can_recompute_the_houses_hand(nonce: int) -> None:
    house = ("ROCK", "PAPER", "SCISSORS")[point(f"lucky:{nonce}".encode(), 3)]

    assert rps.play(TABLES.rps, "ROCK", words(SEED, "lucky", nonce)).house == house


@given(hands, nonces)
def test_the_better_hand_wins(player: str, nonce: int) -> None:
    beats = {("ROCK", "SCISSORS"), ("PAPER", "ROCK"), ("SCISSORS", "PAPER")}
    played = rps.play(TABLES.rps, player, words(SEED, "c", nonce))

    assert played.result == (
        "draw" if played.house == player else "win" if (player, played.house) in beats else "lose"
    )
    assert played.multiplier_x100 == {"win": 190, "draw": 100, "lose": 0}[played.result]


@given(nonces)
def test_the_houses_hand_does_not_depend_on_the_players(nonce: int) -> None:
    assert len({rps.play(TABLES.rps, hand, words(SEED, "c", nonce)).house for hand in HANDS}) == 1


@pytest.mark.parametrize("game", ["slot", "gacha", "rps"])
@given(nonce=nonces, hand=hands, bets=st.tuples(st.integers(1, 100), st.integers(1, 100)))
def test_the_outcome_does_not_depend_on_the_bet(
    game: Game, nonce: int, hand: str, bets: tuple[int, int]
) -> None:
    one, other = (
        settle(Wanted(game, bet * 10, hand if game == "rps" else ""), words(SEED, "c", nonce)) for bet in bets
    )

    assert (one.outcome, one.result) == (other.outcome, other.result)
    assert one.payout * bets[1] == other.payout * bets[0]


@given(st.sampled_from(["slot", "gacha", "rps"]), nonces, hands, st.integers(1, 100))
def test_a_result_is_a_win_when_something_is_paid(game: Game, nonce: int, hand: str, bet: int) -> None:
    drawn = settle(Wanted(game, bet * 10, hand), words(SEED, "c", nonce))

    assert (drawn.result == "lose") == (drawn.payout == 0)
    assert (drawn.result == "draw") == (game == "rps" and drawn.payout == bet * 10)


@pytest.mark.parametrize("game", ["gacha", "rps"])
def test_rounds_fall_as_the_table_says(game: str) -> None:
    """Chi-square at 99 % over the payouts; fixed seeds, so the verdict never changes."""
    rounds = 6_000
    wanted = Wanted("gacha", 100) if game == "gacha" else Wanted("rps", 100, "ROCK")
    seen = Counter(settle(wanted, words(SEED, "c", nonce)).payout for nonce in range(rounds))
    expected = {pays * 100: float(chance) * rounds for chance, pays in wanted.table.chances()}

    assert set(seen) == set(expected)
    assert (
        sum((seen[int(pays)] - want) ** 2 / want for pays, want in expected.items())
        < (
            {"gacha": 11.345, "rps": 9.210}[game]  # 3 and 2 degrees of freedom
        )
    )


@pytest.mark.parametrize("game", ["slot", "gacha", "rps"])
def test_simulated_return_is_the_enumerated_one(game: Game) -> None:
    """The mean payout of many rounds lies within 2.576 standard errors of the exact return."""
    rounds = 6_000
    wanted = Wanted(game, 100, "PAPER" if game == "rps" else "")
    paid = sum(settle(wanted, words(SEED, "mean", nonce)).payout for nonce in range(rounds))
    square = sum((chance * pays**2 for chance, pays in wanted.table.chances()), Fraction(0))
    error = float(square - wanted.table.rtp**2) ** 0.5 / rounds**0.5

    assert abs(paid / 100 / rounds - float(wanted.table.rtp)) < 2.576 * error
