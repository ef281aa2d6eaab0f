"""What events carry: one model per type of outbox row, and the two envelopes around them.

These models describe what the SQL functions write; they are exported to contract/events.json and held
against real rows by a test. Nothing parses them at run time.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Payload(BaseModel):
    """Base of all payloads: an undeclared field is a breach of the contract."""

    model_config = ConfigDict(extra="forbid")


class Changes(Payload):
    """The profile as it is now."""

    gold_balance: int
    level: int
    exp: int


class ProfileUpdate(Payload):
    """Gold, level or experience changed; older than the `wallet_version` you hold = ignore it."""

    changes: Changes
    wallet_version: int


class RewardGranted(Payload):
    """Gold was granted."""

    reward_type: Literal["GOLD"]
    amount: int
    balance_after: int
    source: Literal[
        "streak", "slot", "gacha", "rps", "crash", "gold_pack", "event", "achievement", "battle_pass",
        "promo", "grant", "refund", "adjust",
    ]  # fmt: skip
    ledger_seq: int


class StreakUpdate(Payload):
    """A streak was claimed."""

    action_type: str
    streak_count: int
    claimed_day: date


class AchievementProgress(Payload):
    """An achievement came nearer, unlocked, or was claimed."""

    achievement_code: str
    progress: int
    goal: int
    unlocked: bool
    claimed: bool = Field(default=False, description="Its reward was paid")


class Totals(Payload):
    """Totals of one game."""

    game_type: str
    plays: int
    wins: int
    losses: int
    wagered: int
    paid: int


class StatsUpdate(Payload):
    """Totals of a game changed."""

    stats: Totals


class UserAction(Payload):
    """The user did something."""

    action_type: str
    client_ts: datetime | None
    context: dict[str, object]
    server_ts: datetime


class PurchaseUpdate(Payload):
    """A purchase was made, settled or refused; absent fields do not apply."""

    transaction_id: UUID | None = Field(
        default=None, description="Absent when the purchase was refused before there was one"
    )
    status: Literal["PENDING", "SUCCESS", "FAILED", "REVIEW", "REFUNDED", "IDEMPOTENCY_CONFLICT"]
    product_id: str
    kind: Literal["item", "gold_pack", "limited", "battle_pass", "unknown"]
    qty: int
    amount_gold: int = Field(default=0)
    amount_cents: int = Field(default=0)
    reason: Literal[
        "", "declined", "amount_mismatch", "insufficient_gold", "rank", "age", "ended", "key_reused", "fraud",
        "sold_out", "limit", "hold_expired", "paid_after_failure", "wallet_full", "refunded",
        "not_found", "out_of_range",
    ] = ""  # fmt: skip


class EventProgress(Payload):
    """Progress in an event, or its claim."""

    event_id: str
    progress: int
    goal: int
    claimed: bool


class Round(Payload):
    """A settled game round."""

    round_id: UUID
    game: Literal["slot", "gacha", "rps", "crash"]
    bet: int
    payout: int
    outcome: dict[str, object]
    nonce: int


class Ledger(Payload):
    """One row of the gold ledger."""

    seq: int
    delta: int
    balance_after: int
    counter_account: str
    reason: str
    ref_type: str
    ref_id: str


class Security(Payload):
    """Something happened to an account."""

    result: str


class SecurityEvent(Payload):
    """An account was locked, lost its sessions, changed rank or was erased; never personal data."""

    event: Literal["locked", "refresh_reused", "logout_all", "rank_changed", "erased"]
    sessions: int = Field(default=0, description="Sessions that this closed")
    rank: Literal["", "STANDARD", "PREMIUM", "VIP", "ADMIN"] = ""
    previous_rank: Literal["", "STANDARD", "PREMIUM", "VIP", "ADMIN"] = ""


class Frame(BaseModel):
    """The envelope of a WebSocket frame: `seq` grows by one a user; `data` is the payload of `type`."""

    type: str
    user_id: int
    data: dict[str, object]
    timestamp: datetime
    seq: int
    epoch: str
    event_id: UUID
    trace_id: str
    replay: bool = Field(default=False, description="True when sent from the backfill stream")


class Record(BaseModel):
    """The value of a Kafka record; its key is the user id."""

    event_id: UUID
    trace_id: str
    type: str
    user_id: int
    ts: datetime
    data: dict[str, object]


PAYLOADS: dict[str, type[Payload]] = {
    "achievement_progress": AchievementProgress,
    "event_progress": EventProgress,
    "ledger": Ledger,
    "profile_update": ProfileUpdate,
    "purchase_update": PurchaseUpdate,
    "reward_granted": RewardGranted,
    "round": Round,
    "security": SecurityEvent,
    "signup": Security,
    "stats_update": StatsUpdate,
    "streak_update": StreakUpdate,
    "user_action": UserAction,
}
# Which types a topic carries; `ops.dlq` carries what its consumers could not read.
TOPIC_TYPES: dict[str, tuple[str, ...]] = {
    "actions.events": ("user_action",),
    "games.rounds": ("round",),
    "economy.ledger": ("ledger",),
    "shop.transactions": ("purchase_update",),
    "rewards.granted": ("reward_granted",),
    "events.progress": ("achievement_progress", "event_progress", "streak_update"),
    "auth.security": ("security", "signup"),
    "ops.dlq": (),
}
