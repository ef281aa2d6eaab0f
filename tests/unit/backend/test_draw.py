"""Words are HMACs that anybody can recompute, and numbers are drawn from them without bias (99 %)."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccops.backend.services.draw import below, weighted, words

SEED = b"s" * 32
# Upper 1 % points of the chi-square distribution by degrees of freedom.
CHI_99 = {1: 6.635, 2: 9.210, 3: 11.345, 4: 13.277, 9: 21.666, 15: 30.578, 99: 134.642}
# Half the normal distribution's 1 % lie beyond this many deviations, on each side.
Z_99 = 2.576


def drawn(count: int, rounds: int) -> list[int]:
    """Draw once from each of many rounds, as the games do."""
    return [below(count, words(SEED, "c", nonce)) for nonce in range(rounds)]


def chi_square(seen: Counter, expected: dict[object, float]) -> float:
    return sum((seen[value] - want) ** 2 / want for value, want in expected.items())


def test_words_are_the_documented_hmacs() -> None:
    first = hmac.new(SEED, b"lucky:7", hashlib.sha256).digest()
    second = hmac.new(SEED, b"lucky:7:1", hashlib.sha256).digest()
    by_hand = [int.from_bytes((first + second)[at : at + 4], "big") for at in range(0, 64, 4)]

    assert list(islice(words(SEED, "lucky", 7), 16)) == by_hand


def test_words_never_run_out() -> None:
    assert len(set(islice(words(SEED, "c", 0), 1_000))) > 990


@given(st.integers(1, 2**32), st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20))
def test_a_number_is_the_first_word_of_a_whole_block(count: int, given_words: list[int]) -> None:
    blocks = 2**32 // count
    fair = [word for word in given_words if word < blocks * count]
    if fair:
        assert below(count, iter(given_words)) == fair[0] % count


@given(st.integers(1, 2**32))
def test_every_number_has_the_same_count_of_words(count: int) -> None:
    """No modulo bias, exactly: the accepted words are whole blocks of `count` and nothing else."""
    blocks = 2**32 // count
    last = blocks * count - 1

    assert below(count, iter([last])) == count - 1
    if last + 1 < 2**32:
        with pytest.raises(StopIteration):
            below(count, iter([last + 1]))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_weights_are_the_lengths_of_neighbouring_ranges(weights: list[int]) -> None:
    whole = sum(weights)
    seen = Counter(weighted(weights, iter([point])) for point in range(whole))

    assert seen == dict(enumerate(weights))


@pytest.mark.parametrize("count", [2, 3, 4, 5, 10, 100])
def test_numbers_are_equally_frequent(count: int) -> None:
    rounds = 6_000
    seen = Counter(drawn(count, rounds))

    assert chi_square(seen, dict.fromkeys(range(count), rounds / count)) < CHI_99[count - 1]


def test_a_round_says_nothing_about_the_next() -> None:
    """Serial test: pairs of neighbouring rounds are equally frequent."""
    values = drawn(4, 8_000)
    pairs = Counter(pairwise(values))

    assert (
        chi_square(pairs, dict.fromkeys([(a, b) for a in range(4) for b in range(4)], 7_999 / 16))
        < (CHI_99[15])
    )


def test_runs_are_as_many_as_chance_makes() -> None:
    """Wald-Wolfowitz: high and low numbers alternate neither too often nor too seldom."""
    high = [value >= 50 for value in drawn(100, 8_000)]
    ups, downs = high.count(True), high.count(False)
    runs = 1 + sum(a != b for a, b in pairwise(high))
    mean = 2 * ups * downs / (ups + downs) + 1
    deviation = ((mean - 1) * (mean - 2) / (ups + downs - 1)) ** 0.5

    assert abs(runs - mean) / deviation < Z_99


def test_gaps_between_hits_are_geometric() -> None:
    """Gap test: after a hit of 1 in 4 the next comes after 0, 1, .. 8, or more draws."""
    places = [at for at, value in enumerate(drawn(4, 12_000)) if value == 0]
    gaps = Counter(min(later - earlier - 1, 9) for earlier, later in pairwise(places))
    chances = {gap: 0.25 * 0.75**gap for gap in range(9)} | {9: 0.75**9}

    assert chi_square(gaps, {gap: chance * (len(places) - 1) for gap, chance in chances.items()}) < CHI_99[9]


def test_neighbouring_seeds_and_nonces_are_unrelated() -> None:
    """Half of all bits differ when one character of the client seed changes."""
    changed = [
        (ours ^ theirs).bit_count()
        for nonce in range(1_000)
        for ours, theirs in islice(zip(words(SEED, "a", nonce), words(SEED, "b", nonce), strict=True), 8)
    ]
    deviation = (32 * 0.25 / len(changed)) ** 0.5

    assert abs(sum(changed) / len(changed) - 16) / deviation < Z_99
