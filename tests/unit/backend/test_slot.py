"""The slot is a pure function of seeds and nonce, drawn without bias."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccops.backend.services import slot

TABLE = slot.paytable()
seeds = st.binary(min_size=32, max_size=32)
texts = st.text(min_size=1, max_size=32)
nonces = st.integers(0, 2**63 - 1)


@given(seeds, texts, nonces)
def test_the_same_seeds_and_nonce_give_the_same_round(server: bytes, client: str, nonce: int) -> None:
    first = slot.spin(TABLE, server_seed=server, client_seed=client, nonce=nonce)
    again = slot.spin(TABLE, server_seed=server, client_seed=client, nonce=nonce)

    assert first == again
    assert first.multiplier == TABLE.multiplier(first.reels)
    assert len(first.reels) == slot.REELS
    assert set(first.reels) <= set(TABLE.symbols)


def test_a_player_can_recompute_a_round_from_the_revealed_seed() -> None:
    server = bytes(range(32))
    digest = hmac.new(server, b"lucky:7", hashlib.sha256).digest()
    points = [int.from_bytes(digest[at : at + 4], "big") % 100 for at in (0, 4, 8)]
    edges = {"CHERRY": range(40), "LEMON": range(40, 70), "BELL": range(70, 86), "STAR": range(86, 96)}
    by_hand = tuple(next((s for s, r in edges.items() if point in r), "SEVEN") for point in points)

    assert by_hand == slot.spin(TABLE, server_seed=server, client_seed="lucky", nonce=7).reels


def test_every_symbol_is_drawn_as_often_as_its_weight_says() -> None:
    rounds = 4_000
    seen = Counter(
        symbol
        for nonce in range(rounds)
        for symbol in slot.spin(TABLE, server_seed=b"s" * 32, client_seed="c", nonce=nonce).reels
    )
    drawn = rounds * slot.REELS
    expected = {s: drawn * w / sum(TABLE.weights) for s, w in zip(TABLE.symbols, TABLE.weights, strict=True)}
    chi_square = sum((seen[s] - e) ** 2 / e for s, e in expected.items())

    assert chi_square < 13.28  # 4 degrees of freedom, 99 %


def test_words_above_the_last_whole_block_are_drawn_again() -> None:
    # Weights that sum to 3 * 2**30: a quarter of all words must be rejected, or the first symbol gains.
    table = replace(TABLE, symbols=("A", "B", "C"), weights=(2**30,) * 3)
    words = list(islice(slot._words(b"s" * 32, "c:0"), 64))
    accepted = [word for word in words if word < 3 * 2**30]

    assert len(accepted) < len(words)
    assert [slot._draw(table, iter([word])) for word in accepted] == ["ABC"[w // 2**30] for w in accepted]
    assert slot._draw(table, iter([2**32 - 1, 2**31])) == "C"


def test_words_never_run_out() -> None:
    words = list(islice(slot._words(b"s" * 32, "c:0"), 1_000))

    assert len(set(words)) > 990


@pytest.mark.parametrize(
    ("reels", "multiplier"),
    [
        (("SEVEN", "SEVEN", "SEVEN"), 250),
        (("CHERRY", "CHERRY", "CHERRY"), 4),
        (("CHERRY", "LEMON", "CHERRY"), 1),
        (("LEMON", "CHERRY", "CHERRY"), 1),
        (("CHERRY", "LEMON", "BELL"), 0),
        (("LEMON", "LEMON", "BELL"), 0),
    ],
)
def test_reels_pay_what_the_table_says(reels: tuple[str, ...], multiplier: int) -> None:
    assert multiplier == TABLE.multiplier(reels)


def test_rtp_of_a_certain_win_is_its_multiplier() -> None:
    table = replace(TABLE, symbols=("STAR",), weights=(1,))

    assert Fraction(50) == slot.exact_rtp(table)
