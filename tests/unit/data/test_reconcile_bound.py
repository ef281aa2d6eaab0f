"""The bound on the loss rate against the binomial distribution itself."""

from __future__ import annotations

import math

import pytest

from ccops.data.reconcile_bound import upper_bound


def at_most(lost: int, seen: int, rate: float) -> float:
    """P(X <= lost) of a binomial, summed exactly."""
    terms = (math.comb(seen, k) * rate**k * (1 - rate) ** (seen - k) for k in range(lost + 1))
    return math.fsum(terms)


@pytest.mark.parametrize("seen", [1, 2, 10, 100, 1000])
@pytest.mark.parametrize("lost", [0, 1, 3])
def test_the_bound_is_where_so_few_losses_have_probability_five_per_cent(lost: int, seen: int) -> None:
    if lost >= seen:
        return  # everything lost bounds nothing: a test of its own
    assert at_most(lost, seen, upper_bound(lost, seen)) == pytest.approx(0.05, rel=1e-6)


def test_nothing_lost_is_the_rule_of_three() -> None:
    for seen in (100, 10_000, 5_000_000):
        assert upper_bound(0, seen) == pytest.approx(3 / seen, rel=0.02)


def test_published_values() -> None:
    # One-sided 95 % limits, as in tables of Clopper and Pearson.
    assert upper_bound(0, 10) == pytest.approx(0.2589, abs=1e-4)
    assert upper_bound(1, 10) == pytest.approx(0.3942, abs=1e-4)
    assert upper_bound(5, 10) == pytest.approx(0.7776, abs=1e-4)


def test_large_counts_come_out_between_the_share_and_its_normal_limit() -> None:
    bound = upper_bound(5_000, 1_000_000)
    assert 0.005 < bound < 0.005 + 2 * 1.645 * math.sqrt(0.005 / 1_000_000)


def test_no_sample_and_a_total_loss_bound_nothing() -> None:
    assert upper_bound(0, 0) == 1.0
    assert upper_bound(7, 7) == 1.0


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="can't be"):
        upper_bound(2, 1)
