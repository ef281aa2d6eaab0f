"""The crash point is exact integer arithmetic on the seed, and no strategy beats the house's edge."""

from __future__ import annotations

import hashlib
import hmac
from fractions import Fraction
from itertools import pairwise
from math import exp
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccops.backend.rules import paytables
from ccops.backend.services.crash_point import chance_of, crash_x100, point, seconds_to

TABLE = paytables().crash
ODDS = {"edge_bp": TABLE.edge_bp, "max_x100": TABLE.max_x100}
TOP = 2**52
drawn = st.integers(0, TOP - 1)
ROUND = UUID("00000000-0000-4000-8000-000000000001")


@pytest.mark.parametrize(
    ("number", "x100"),
    [
        (0, 100),  # 0.98 is shown as 1.00
        (TOP // 100 * 2, 100),
        (TOP // 2, 196),
        (TOP // 4 * 3, 392),
        (TOP - TOP // 10 - 1, 979),  # rounded down
        (TOP - 1, 10_000),
    ],
)
def test_known_numbers_have_known_points(number: int, x100: int) -> None:
    assert point(number, **ODDS) == x100


def test_the_point_of_a_seed_never_changes() -> None:
    """Vectors: a changed formula would make every published seed look like fraud."""
    points = [crash_x100(bytes([i]) * 32, ROUND, **ODDS) for i in range(6)]

    assert points == [161, 376, 982, 107, 118, 214]


def test_a_player_can_recompute_the_point() -> None:
    seed = bytes(range(32))
    h = int(hmac.new(seed, str(ROUND).encode(), hashlib.sha256).hexdigest()[:13], 16)
    by_hand = int(Fraction(98 * TOP, TOP - h))

    assert crash_x100(seed, ROUND, **ODDS) == min(max(100, by_hand), 10_000)


@given(drawn, st.integers(100, 300), st.integers(101, 1_000_000))
def test_points_stay_within_their_limits(number: int, edge_bp: int, max_x100: int) -> None:
    assert 100 <= point(number, edge_bp=edge_bp, max_x100=max_x100) <= max_x100


@given(drawn, drawn)
def test_a_higher_number_never_crashes_earlier(one: int, other: int) -> None:
    low, high = sorted((one, other))

    assert point(low, **ODDS) <= point(high, **ODDS)


@given(st.integers(101, 10_000))
def test_the_chance_of_a_multiplier_counts_its_numbers(x100: int) -> None:
    """Exact: the first number that reaches x100 and the one before it are where chance_of says."""
    reached = int(chance_of(x100, **ODDS) * TOP)

    assert point(TOP - reached, **ODDS) >= x100
    assert point(TOP - reached - 1, **ODDS) < x100


def test_every_strategy_returns_the_stated_share_and_none_returns_more() -> None:
    """Wait for any multiplier: the return is the table's, but for the last of 2^52 numbers."""
    for x100 in range(101, TABLE.max_x100 + 1):
        returned = Fraction(x100, 100) * chance_of(x100, **ODDS)
        assert TABLE.rtp - Fraction(x100, 100 * TOP) < returned <= TABLE.rtp
    assert chance_of(100, **ODDS) < TABLE.rtp
    assert chance_of(TABLE.max_x100 + 1, **ODDS) == 0


def test_points_of_many_seeds_are_spread_as_they_should() -> None:
    """Chi-square at 99 % over the bands 1.00, 1.01-1.49, 1.50-1.99, 2-4.99, 5-19.99, 20 and more."""
    rounds = 6_000
    points = [crash_x100(hashlib.sha256(str(i).encode()).digest(), ROUND, **ODDS) for i in range(rounds)]
    edges = [101, 150, 200, 500, 2_000, TABLE.max_x100 + 1]
    above = [1.0, *(float(chance_of(edge, **ODDS)) for edge in edges)]
    expected = [(high - low) * rounds for high, low in pairwise(above)]
    bands = [100, *edges]
    seen = [sum(low <= one < high for one in points) for low, high in pairwise(bands)]

    assert sum((s - e) ** 2 / e for s, e in zip(seen, expected, strict=True)) < 15.086  # 5 degrees of freedom


@pytest.mark.parametrize("x100", [101, 150, 196, 9_999])
def test_the_multiplier_is_reached_when_the_worker_thinks(x100: int) -> None:
    """The worker only wakes by it; what is due is decided by the database's exp()."""
    moment = seconds_to(x100, TABLE.growth_e6)

    assert 100 * exp(TABLE.growth_e6 / 1e6 * moment) == pytest.approx(x100)
