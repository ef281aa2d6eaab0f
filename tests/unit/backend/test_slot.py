"""The slot is a pure function of seeds and nonce."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccops.backend.rules import paytables
from ccops.backend.rules.paytables import REELS
from ccops.backend.services import slot
from ccops.backend.services.draw import words

TABLE = paytables().slot


@given(st.binary(min_size=32, max_size=32), st.text(min_size=1, max_size=32), st.integers(0, 2**63 - 1))
def test_the_same_seeds_and_nonce_give_the_same_round(server: bytes, client: str, nonce: int) -> None:
    first = slot.spin(TABLE, words(server, client, nonce))
    again = slot.spin(TABLE, words(server, client, nonce))

    assert first == again
    assert first.multiplier == TABLE.multiplier(first.reels)
    assert len(first.reels) == REELS
    assert set(first.reels) <= set(TABLE.symbols)


def test_a_player_can_recompute_a_round_from_the_revealed_seed() -> None:
    server = bytes(range(32))
    digest = hmac.new(server, b"lucky:7", hashlib.sha256).digest()
    points = [int.from_bytes(digest[at : at + 4], "big") % 100 for at in (0, 4, 8)]
    edges = {"CHERRY": range(40), "LEMON": range(40, 70), "BELL": range(70, 86), "STAR": range(86, 96)}
    by_hand = tuple(next((s for s, r in edges.items() if point in r), "SEVEN") for point in points)

    assert by_hand == slot.spin(TABLE, words(server, "lucky", 7)).reels


def test_every_symbol_is_drawn_as_often_as_its_weight_says() -> None:
    rounds = 4_000
    seen = Counter(
        symbol for nonce in range(rounds) for symbol in slot.spin(TABLE, words(b"s" * 32, "c", nonce)).reels
    )
    drawn = rounds * REELS
    expected = {s: drawn * w / sum(TABLE.weights) for s, w in zip(TABLE.symbols, TABLE.weights, strict=True)}
    chi_square = sum((seen[s] - e) ** 2 / e for s, e in expected.items())

    assert chi_square < 13.28  # 4 degrees of freedom, 99 %


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
