"""What one round of a seeded game is: what the player asks for, and what the words make of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ccops.backend.rules import paytables
from ccops.backend.rules.paytables import Table
from ccops.backend.services import gacha, rps, slot

Game = Literal["slot", "gacha", "rps"]
_ACTIONS = {"slot": "SLOT_SPIN", "gacha": "GACHA_PULL", "rps": "RPS_PLAY"}
_METRICS = {"slot": "slot_spins", "gacha": "gacha_pulls", "rps": "rps_rounds"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A round that somebody wants to play; `hand` is theirs in rps."""

    game: Game
    bet: int
    hand: str = ""

    @property
    def table(self) -> Table:
        """The game's limits and odds."""
        tables = paytables()
        return {"slot": tables.slot, "gacha": tables.gacha, "rps": tables.rps}[self.game]

    @property
    def meaning(self) -> tuple[object, ...]:
        """What an idempotency key stands for: the same key with another meaning is refused."""
        return (self.game, self.bet, self.hand) if self.hand else (self.game, self.bet)

    @property
    def action(self) -> str:
        """The user action that the round is."""
        return _ACTIONS[self.game]

    @property
    def metric(self) -> str:
        """What achievements count."""
        return _METRICS[self.game]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A decided round: what it shows, what it pays, how it counts."""

    outcome: dict[str, object]
    payout: int
    result: Literal["win", "lose", "draw"]


def settle(wanted: Wanted, source: Iterator[int]) -> Drawn:
    """Return what the words decide; the bet scales the payout and touches nothing else."""
    tables = paytables()
    if wanted.game == "slot":
        spun = slot.spin(tables.slot, source)
        return _paid({"reels": list(spun.reels)}, wanted.bet, spun.multiplier)
    if wanted.game == "gacha":
        pulled = gacha.pull(tables.gacha, source)
        return _paid({"prize": pulled.prize}, wanted.bet, pulled.multiplier)
    played = rps.play(tables.rps, wanted.hand, source)
    outcome: dict[str, object] = {
        "player": played.player,
        "house": played.house,
        "result": played.result,
        "multiplier_x100": played.multiplier_x100,
    }
    return Drawn(outcome, wanted.bet * played.multiplier_x100 // 100, played.result)


def _paid(shown: dict[str, object], bet: int, multiplier: int) -> Drawn:
    payout = bet * multiplier
    return Drawn({**shown, "multiplier": multiplier}, payout, "win" if payout else "lose")
