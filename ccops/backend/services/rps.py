"""Rock, paper, scissors: the house's hand is drawn whatever the player shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ccops.backend.rules.paytables import HANDS, Rps
from ccops.backend.services.draw import below

Result = Literal["win", "draw", "lose"]
# HANDS is ordered so that each hand beats the one before it: paper rock, scissors paper, rock scissors.
_BY_DISTANCE: tuple[Result, ...] = ("draw", "win", "lose")


@dataclass(frozen=True, slots=True)
class Play:
    """Both hands, who won, and the payout in hundredths of the bet."""

    player: str
    house: str
    result: Result
    multiplier_x100: int


def play(table: Rps, player: str, source: Iterator[int]) -> Play:
    """Return the round in which `player` (one of HANDS) is shown against the hand the words determine."""
    house = below(len(HANDS), source)
    result = _BY_DISTANCE[(HANDS.index(player) - house) % len(HANDS)]
    return Play(player, HANDS[house], result, table.pays_x100(result))
