"""What paytables.yml must say about the games: limits, odds, payouts, and the exact return they add up to.

`rtp` (return to player) is stated in the file and enumerated here: a table whose figures do not give the
stated return stops the start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from math import prod
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

REELS = 3
HANDS = ("ROCK", "PAPER", "SCISSORS")
# Words of the generator are 32 bits wide; weights that add up to more could never all be drawn.
_MOST_WEIGHT = 2**32


def _fraction(value: object) -> Fraction:
    # Quoted: YAML's own floats would round it.
    try:
        return Fraction(value if isinstance(value, str) else "")
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError('must be a quoted decimal or fraction such as "0.92" or "29/30"') from error


Exact = Annotated[Fraction, BeforeValidator(_fraction)]
Whole = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Weight = Annotated[int, Field(strict=True, gt=0, le=1_000_000_000)]
Bet = Annotated[int, Field(strict=True, gt=0, le=1_000_000)]


class Table(BaseModel):
    """What every game has: bets from `min_bet` to `max_bet` in steps of `bet_step`, and its return."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    min_bet: Bet
    max_bet: Bet
    bet_step: Bet = 1
    rtp: Exact

    def takes(self, bet: int) -> bool:
        """Return whether `bet` is within the limits."""
        return self.min_bet <= bet <= self.max_bet and bet % self.bet_step == 0

    def limits(self) -> dict[str, int]:
        """Return the limits for an error's details."""
        return {"min_bet": self.min_bet, "max_bet": self.max_bet, "bet_step": self.bet_step}

    def chances(self) -> Iterator[tuple[Fraction, Fraction]]:
        """Yield every outcome's probability and how many times the bet it pays."""
        raise NotImplementedError

    def exact_rtp(self) -> Fraction:
        """Return the expected payout of a bet of 1, by enumerating every outcome."""
        return sum((chance * pays for chance, pays in self.chances()), Fraction(0))

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.min_bet > self.max_bet or self.min_bet % self.bet_step or self.max_bet % self.bet_step:
            raise ValueError("min_bet and max_bet must be in order and multiples of bet_step")
        self._check()
        found = self.exact_rtp()
        if found != self.rtp:
            raise ValueError(f"rtp says {float(self.rtp)}, its figures give {float(found)}")
        if not Fraction(3, 4) <= found < 1:
            raise ValueError(f"rtp is {float(found)}, must be at least 0.75 and below 1")
        return self

    def _check(self) -> None:
        """Raise ValueError when the game's own figures do not fit together."""


class Slot(Table):
    """Three reels; a triple pays `pays`, two cherries pay `pair_of_cherries`."""

    symbols: Annotated[tuple[str, ...], Field(min_length=2)]
    weights: tuple[Weight, ...]
    pays: Mapping[str, Whole]
    pair_of_cherries: Whole

    def multiplier(self, reels: Sequence[str]) -> int:
        """Return how many times the bet `reels` pay."""
        if len(set(reels)) == 1:
            return self.pays[reels[0]]
        return self.pair_of_cherries if list(reels).count("CHERRY") == 2 else 0

    def chances(self) -> Iterator[tuple[Fraction, Fraction]]:
        """Yield every combination of the reels."""
        whole = sum(self.weights) ** REELS
        weight = dict(zip(self.symbols, self.weights, strict=True))
        for reels in product(self.symbols, repeat=REELS):
            yield Fraction(prod(weight[one] for one in reels), whole), Fraction(self.multiplier(reels))

    def _check(self) -> None:
        if not len(set(self.symbols)) == len(self.symbols) == len(self.weights):
            raise ValueError("each symbol needs one weight")
        if set(self.pays) != set(self.symbols):
            raise ValueError("pays must list exactly the symbols")
        if sum(self.weights) > _MOST_WEIGHT:
            raise ValueError("weights add up to too much")


class Prize(BaseModel):
    """How often a prize is drawn, and how many times the bet it pays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: Weight
    pays: Whole


class Gacha(Table):
    """One draw from the prizes."""

    prizes: Annotated[Mapping[str, Prize], Field(min_length=2)]

    def chances(self) -> Iterator[tuple[Fraction, Fraction]]:
        """Yield every prize."""
        whole = sum(prize.weight for prize in self.prizes.values())
        for prize in self.prizes.values():
            yield Fraction(prize.weight, whole), Fraction(prize.pays)

    def _check(self) -> None:
        if sum(prize.weight for prize in self.prizes.values()) > _MOST_WEIGHT:
            raise ValueError("weights add up to too much")


class Rps(Table):
    """Rock, paper, scissors; the house draws each hand equally often. Payouts in hundredths of the bet."""

    win_x100: Whole
    draw_x100: Whole

    def pays_x100(self, result: Literal["win", "draw", "lose"]) -> int:
        """Return what a result pays, in hundredths of the bet."""
        return {"win": self.win_x100, "draw": self.draw_x100, "lose": 0}[result]

    def chances(self) -> Iterator[tuple[Fraction, Fraction]]:
        """Yield win, draw and loss: a third each, whatever the player shows."""
        for x100 in (self.win_x100, self.draw_x100, 0):
            yield Fraction(1, len(HANDS)), Fraction(x100, 100)

    def _check(self) -> None:
        if self.win_x100 * self.bet_step % 100 or self.draw_x100 * self.bet_step % 100:
            raise ValueError("bet_step must make every payout whole gold, or rounding would lower the return")


class Crash(Table):
    """A multiplier that grows as exp(growth * t) until a point that was drawn before the bets."""

    edge_bp: Annotated[int, Field(strict=True, ge=100, le=300)]
    max_x100: Annotated[int, Field(strict=True, gt=100, le=1_000_000)]
    growth_e6: Annotated[int, Field(strict=True, gt=0, le=10_000_000)]

    def chances(self) -> Iterator[tuple[Fraction, Fraction]]:
        """Yield one line: whatever multiplier x a player waits for, it is reached with (1 - edge) / x."""
        yield 1 - Fraction(self.edge_bp, 10_000), Fraction(1)


class Paytables(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slot: Slot
    gacha: Gacha
    rps: Rps
    crash: Crash
