"""The slot machine: a pure function from random words to three reels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ccops.backend.rules.paytables import REELS, Slot
from ccops.backend.services.draw import weighted


@dataclass(frozen=True, slots=True)
class Spin:
    """What a round shows and how many times the bet it pays."""

    reels: tuple[str, ...]
    multiplier: int


def spin(table: Slot, source: Iterator[int]) -> Spin:
    """Return the outcome that the words determine."""
    reels = tuple(table.symbols[weighted(table.weights, source)] for _ in range(REELS))
    return Spin(reels, table.multiplier(reels))
