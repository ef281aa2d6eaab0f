"""Rounds, statistics and fairness."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from ccops.backend.schemas.base import RequestModel

Bet = Annotated[int, Field(strict=True, ge=1, le=1_000_000_000, description="Gold; the paytable limits it")]


class SpinIn(RequestModel):
    """The bet in gold; the paytable sets the limits."""

    bet: Bet


class PullIn(RequestModel):
    """The bet in gold; the paytable sets the limits."""

    bet: Bet


class PlayIn(RequestModel):
    """The bet in gold, and the hand that the caller shows."""

    bet: Bet
    choice: Literal["ROCK", "PAPER", "SCISSORS"]


class Outcome(BaseModel):
    """What the reels show and how many times the bet that pays."""

    reels: list[str]
    multiplier: int


class Pulled(BaseModel):
    """The prize and how many times the bet it pays."""

    prize: str
    multiplier: int


class Hands(BaseModel):
    """Both hands, who won, and the payout in hundredths of the bet."""

    player: Literal["ROCK", "PAPER", "SCISSORS"]
    house: Literal["ROCK", "PAPER", "SCISSORS"]
    result: Literal["win", "draw", "lose"]
    multiplier_x100: int


class Proof(BaseModel):
    """Which seed (by its SHA-256) and which nonce decided the round."""

    server_seed_hash: str
    nonce: int


class RoundOut(BaseModel):
    """A settled round."""

    round_id: UUID
    bet: int
    payout: int
    balance_after: int
    level: int
    exp: int
    event_id: UUID
    action_event_id: UUID
    fairness: Proof


class SpinOut(RoundOut):
    """A settled round of the slot."""

    outcome: Outcome


class PullOut(RoundOut):
    """A settled round of the gacha."""

    outcome: Pulled


class PlayOut(RoundOut):
    """A settled round of rock, paper, scissors."""

    outcome: Hands


class GameStats(BaseModel):
    """Totals of one game."""

    game: str
    plays: int
    wins: int
    losses: int
    wagered: int
    paid: int


class Stats(BaseModel):
    """Totals of every game the caller has played."""

    items: list[GameStats]


class Commitment(BaseModel):
    """What decides the next rounds: hash of the server seed, client seed, next nonce."""

    server_seed_hash: str
    client_seed: str
    nonce: int


class Revealed(BaseModel):
    """A seed that is no longer used; it decided the rounds from `first_nonce` to before `next_nonce`."""

    server_seed: Annotated[str, Field(description="Hex; its SHA-256 is server_seed_hash")]
    server_seed_hash: str
    client_seed: str
    first_nonce: int
    next_nonce: int


class Fairness(Commitment):
    """The commitment to the next rounds, the exact return of each game, and the last revealed seeds."""

    rtp: dict[str, float]
    revealed: list[Revealed]


class RotateIn(RequestModel):
    """The client seed from now on; absent = keep it."""

    client_seed: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = None


class Rotated(BaseModel):
    """The seed that was used, in the open, and the commitment to the next."""

    revealed: Revealed
    committed: Commitment
