"""The slot machine: a pure function from seeds to an outcome, and its exact return to player.

Three reels, each drawn from the paytable's weights out of HMAC-SHA256(server_seed, "client_seed:nonce").
The seed's SHA-256 is public before the round and the seed after its rotation, so every round can be checked.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import prod
from typing import cast

from ccops.backend.rules import load

REELS = 3
_WORD = 2**32


@dataclass(frozen=True, slots=True)
class Paytable:
    """Symbols with their weights and what a triple pays; `pair` is what two cherries pay."""

    symbols: tuple[str, ...]
    weights: tuple[int, ...]
    pays: Mapping[str, int]
    pair: int
    min_bet: int
    max_bet: int
    rtp: Fraction

    def multiplier(self, reels: Sequence[str]) -> int:
        """Return how many times the bet `reels` pay."""
        if len(set(reels)) == 1:
            return self.pays[reels[0]]
        return self.pair if list(reels).count("CHERRY") == 2 else 0


@dataclass(frozen=True, slots=True)
class Spin:
    """What a round shows and how many times the bet it pays."""

    reels: tuple[str, ...]
    multiplier: int


@lru_cache(maxsize=1)
def paytable() -> Paytable:
    """Return the paytable of rules/paytables.yml."""
    raw = cast(Mapping[str, object], load("paytables")["slot"])
    return Paytable(
        symbols=tuple(cast(Sequence[str], raw["symbols"])),
        weights=tuple(cast(Sequence[int], raw["weights"])),
        pays=cast(Mapping[str, int], raw["pays"]),
        pair=cast(int, raw["pair_of_cherries"]),
        min_bet=cast(int, raw["min_bet"]),
        max_bet=cast(int, raw["max_bet"]),
        rtp=Fraction(str(raw["rtp"])),
    )


def spin(table: Paytable, *, server_seed: bytes, client_seed: str, nonce: int) -> Spin:
    """Return the outcome that the seeds and the nonce determine."""
    words = _words(server_seed, f"{client_seed}:{nonce}")
    reels = tuple(_draw(table, words) for _ in range(REELS))
    return Spin(reels, table.multiplier(reels))


def exact_rtp(table: Paytable) -> Fraction:
    """Return the expected payout of a bet of 1, by enumerating every combination."""
    total = sum(table.weights)
    weight_of = dict(zip(table.symbols, table.weights, strict=True))
    return sum(
        (
            Fraction(prod(weight_of[symbol] for symbol in reels), total**REELS) * table.multiplier(reels)
            for reels in product(table.symbols, repeat=REELS)
        ),
        Fraction(0),
    )


def _draw(table: Paytable, words: Iterator[int]) -> str:
    # Rejection instead of modulo alone: words of the incomplete last block would favour the first symbols.
    total = sum(table.weights)
    fair = _WORD - _WORD % total
    point = next(word for word in words if word < fair) % total
    for symbol, weight in zip(table.symbols, table.weights, strict=True):
        if point < weight:
            return symbol
        point -= weight
    raise AssertionError("weights sum to total")


def _words(server_seed: bytes, message: str) -> Iterator[int]:
    """Yield 32-bit words: first of HMAC(message), then of HMAC(message:1), HMAC(message:2), ..."""
    block = 0
    while True:
        text = message if block == 0 else f"{message}:{block}"
        digest = hmac.new(server_seed, text.encode(), hashlib.sha256).digest()
        for at in range(0, len(digest), 4):
            yield int.from_bytes(digest[at : at + 4], "big")
        block += 1
