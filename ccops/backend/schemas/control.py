"""Control frames of the realtime channel: the handshake, heartbeats and answers. They carry no `seq`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from ccops.backend.schemas.payloads import Payload, Totals


class Hello(Payload):
    """First frame: where the stream stands, and whether missed frames will follow."""

    connection_id: str
    epoch: str
    seq: int
    resumable: bool
    recovered: bool
    heartbeat_s: int


class Profile(Payload):
    """Who the user is."""

    user_id: int
    public_id: UUID
    nickname: str
    rank: str
    level: int
    exp: int
    age_verified: bool


class StreakState(Payload):
    """One streak; the count is 0 once a day was missed."""

    action_type: str
    streak_count: int
    longest: int
    last_claim_day: date


class AchievementState(Payload):
    """One achievement the user has begun."""

    achievement_code: str
    progress: int
    unlocked: bool
    claimed: bool


class ActionState(Payload):
    """One recent action."""

    event_id: UUID
    action_type: str
    context: dict[str, object]
    server_ts: datetime


class InitialState(Payload):
    """Second frame: a snapshot at least as new as `seq`."""

    profile: Profile
    gold_balance: int
    wallet_version: int
    streaks: list[StreakState]
    achievements: list[AchievementState]
    stats: list[Totals]
    recent_actions: list[ActionState] = Field(max_length=20)
    seq: int


class BackfillComplete(Payload):
    """After the replayed frames: live from here on. `count` frames after `from` up to `to` were sent."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    first: int = Field(alias="from")
    to: int
    count: int
    recovered: bool


class Position(Payload):
    """Where this socket stands: compare with what you hold. `acked` is what you said you have."""

    epoch: str
    seq: int
    acked: int


class Subscribed(Payload):
    """What this socket carries."""

    topics: list[str]


class ClientError(Payload):
    """A message of the client was ignored."""

    code: Literal["BAD_MESSAGE", "BAD_ACK", "UNKNOWN_TOPIC"]


class ControlFrame(BaseModel):
    """The envelope of a control frame."""

    type: str
    user_id: int
    data: dict[str, object]
    timestamp: datetime


CONTROL: dict[str, type[Payload]] = {
    "sync_connected": Hello,
    "initial_state": InitialState,
    "backfill_complete": BackfillComplete,
    "heartbeat": Position,
    "pong": Position,
    "subscribed": Subscribed,
    "error": ClientError,
}
