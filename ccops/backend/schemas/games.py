"""Rounds, statistics and fairness."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from ccops.backend.schemas.base import RequestModel


class SpinIn(RequestModel):
    """The bet in gold; the paytable sets the limits."""

    bet: Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]


class Outcome(BaseModel):
    """What the reels show and how many times the bet that pays."""

    reels: list[str]
    multiplier: int


class Proof(BaseModel):
    """Which seed (by its SHA-256) and which nonce decided the round."""

    server_seed_hash: str
    nonce: int


class SpinOut(BaseModel):
    """A settled round."""

    round_id: UUID
    outcome: Outcome
    bet: int
    payout: int
    balance_after: int
    level: int
    exp: int
    event_id: UUID
    action_event_id: UUID
    fairness: Proof


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


class Fairness(BaseModel):
    """The commitment to the next rounds: hash of the server seed, client seed, next nonce, exact RTP."""

    server_seed_hash: str
    client_seed: str
    nonce: int
    rtp: dict[str, float]
