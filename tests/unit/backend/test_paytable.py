"""The paytable states its exact return to player, and that is fair."""

from __future__ import annotations

from fractions import Fraction

from ccops.backend.services import slot

TABLE = slot.paytable()


def test_documented_rtp_is_the_enumerated_one() -> None:
    assert slot.exact_rtp(TABLE) == TABLE.rtp


def test_rtp_is_at_least_75_percent_and_leaves_the_house_an_edge() -> None:
    assert Fraction(3, 4) <= TABLE.rtp < 1


def test_every_symbol_has_a_weight_and_a_payout() -> None:
    assert len(TABLE.symbols) == len(TABLE.weights) == len(TABLE.pays)
    assert set(TABLE.symbols) == set(TABLE.pays)
    assert all(weight > 0 for weight in TABLE.weights)


def test_bet_limits_are_whole_gold_in_order() -> None:
    assert 1 <= TABLE.min_bet <= TABLE.max_bet
