"""Rounds and bets of crash."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from ccops.backend.schemas.base import RequestModel
from ccops.backend.schemas.games import Bet


class CrashBetIn(RequestModel):
    """The bet in gold, and the multiplier in hundredths at which it leaves by itself."""

    bet: Bet
    auto_x100: Annotated[int | None, Field(strict=True, ge=101, le=1_000_000_000)] = None


class CashoutIn(RequestModel):
    """Which round to leave; absent = the last one that the caller bet in."""

    round_id: UUID | None = None


class CrashBetOut(BaseModel):
    """A bet in a round whose seed is committed to by its hash."""

    round_id: UUID
    server_seed_hash: str
    bet_id: UUID
    bet: int
    auto_x100: int | None
    balance_after: int
    opened_at: datetime
    starts_at: Annotated[datetime, Field(description="When betting ends and the multiplier starts")]
    action_event_id: UUID


class CashedOut(BaseModel):
    """A bet that left in time; `auto` = its own limit had been reached before."""

    round_id: UUID
    bet_id: UUID
    bet: int
    cashed_x100: int
    auto: bool
    payout: int
    balance_after: int
    level: int
    exp: int
    event_id: UUID


class OwnBet(BaseModel):
    """The caller's bet in a round."""

    bet: int
    auto_x100: int | None
    cashed_x100: int | None
    payout: int
    status: Literal["OPEN", "CASHED", "LOST"]


class CrashRound(BaseModel):
    """A round; the crash point shows once the round is over and its bets are being settled."""

    round_id: UUID
    status: Literal["WAITING", "BETTING", "RUNNING", "CRASHED"]
    server_seed_hash: str
    opened_at: datetime | None
    starts_at: datetime | None
    multiplier_x100: int | None
    crash_x100: int | None
    growth_e6: int


class CrashCurrent(BaseModel):
    """The round of now (or the last one) by the server's clock, and the caller's bet in it."""

    server_time: datetime
    round: CrashRound | None
    bet: OwnBet | None


class CrashProof(BaseModel):
    """What anybody needs to recompute a crash point; seed and point are null until the crash."""

    round_id: UUID
    status: Literal["WAITING", "BETTING", "RUNNING", "CRASHED"]
    server_seed_hash: str
    server_seed: Annotated[str | None, Field(description="Hex; its SHA-256 is server_seed_hash")]
    crash_x100: int | None
    edge_bp: int
    max_x100: int
    growth_e6: int
