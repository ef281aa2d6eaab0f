"""Actions, games, streaks, achievements, events."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from ccops.backend.models.base import at, identity, metadata, user_id

user_actions = Table(
    "user_actions",
    metadata,
    identity(),
    Column("event_id", UUID, nullable=False, unique=True),
    Column("trace_id", Text, nullable=False, index=True),
    user_id(),
    Column("action_type", Text, nullable=False),
    Column("context", JSONB, nullable=False),
    at("client_ts", nullable=True),
    at("created_at"),
)
Index("ix_user_actions_user_id_created_at", user_actions.c.user_id, user_actions.c.created_at.desc())
Index("ix_user_actions_action_type_created_at", user_actions.c.action_type, user_actions.c.created_at)

user_seeds = Table(
    "user_seeds",
    metadata,
    Column("user_id", BigInteger, ForeignKey("users.id"), primary_key=True, autoincrement=False),
    Column("server_seed_enc", LargeBinary, nullable=False),
    Column("server_seed_hash", Text, nullable=False),
    Column("client_seed", Text, nullable=False),
    Column("nonce", BigInteger, nullable=False, server_default="0"),
    at("rotated_at"),
)

# Seeds that were rotated away: they decided the rounds of nonce first_nonce up to before next_nonce.
revealed_seeds = Table(
    "revealed_seeds",
    metadata,
    user_id(),
    Column("server_seed_hash", Text, nullable=False),
    Column("server_seed", Text, nullable=False),
    Column("client_seed", Text, nullable=False),
    Column("first_nonce", BigInteger, nullable=False),
    Column("next_nonce", BigInteger, nullable=False),
    at("revealed_at"),
    PrimaryKeyConstraint("user_id", "server_seed_hash"),
    CheckConstraint("first_nonce <= next_nonce", name="nonces"),
)

game_rounds = Table(
    "game_rounds",
    metadata,
    identity(),
    Column("public_id", UUID, nullable=False, unique=True),
    Column("event_id", UUID, nullable=False, unique=True),
    Column("trace_id", Text, nullable=False, index=True),
    user_id(),
    Column("game", Text, nullable=False),
    Column("bet", BigInteger, nullable=False),
    Column("payout", BigInteger, nullable=False),
    Column("outcome", JSONB, nullable=False),
    Column("server_seed_hash", Text, nullable=False),
    Column("nonce", BigInteger, nullable=False),
    at("created_at"),
    UniqueConstraint("user_id", "game", "nonce"),
    CheckConstraint("bet > 0 AND payout >= 0", name="amounts"),
)
Index("ix_game_rounds_user_created", game_rounds.c.user_id, game_rounds.c.created_at.desc())

game_stats = Table(
    "game_stats",
    metadata,
    user_id(),
    Column("game", Text, nullable=False),
    Column("plays", BigInteger, nullable=False, server_default="0"),
    Column("wins", BigInteger, nullable=False, server_default="0"),
    Column("losses", BigInteger, nullable=False, server_default="0"),
    Column("wagered", BigInteger, nullable=False, server_default="0"),
    Column("paid", BigInteger, nullable=False, server_default="0"),
    at("updated_at"),
    PrimaryKeyConstraint("user_id", "game"),
)

user_streaks = Table(
    "user_streaks",
    metadata,
    user_id(),
    Column("action_type", Text, nullable=False),
    Column("current", Integer, nullable=False),
    Column("longest", Integer, nullable=False),
    Column("last_claim_day", Date, nullable=False),
    PrimaryKeyConstraint("user_id", "action_type"),
)

streak_claims = Table(
    "streak_claims",
    metadata,
    user_id(),
    Column("action_type", Text, nullable=False),
    Column("claim_day", Date, nullable=False),
    Column("reward_gold", BigInteger, nullable=False),
    Column("ledger_seq", BigInteger, nullable=False),
    at("created_at"),
    PrimaryKeyConstraint("user_id", "action_type", "claim_day"),
)

achievements = Table(
    "achievements",
    metadata,
    Column("code", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("metric", Text, nullable=False, index=True),
    Column("threshold", BigInteger, nullable=False),
    Column("reward_gold", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("threshold > 0 AND reward_gold >= 0", name="amounts"),
)

user_achievements = Table(
    "user_achievements",
    metadata,
    user_id(),
    Column("code", Text, ForeignKey("achievements.code"), nullable=False),
    Column("progress", BigInteger, nullable=False, server_default="0"),
    at("unlocked_at", nullable=True),
    at("claimed_at", nullable=True),
    Column("claimed_gold", BigInteger),  # what the claim paid; the achievement's reward may change later
    PrimaryKeyConstraint("user_id", "code"),
    CheckConstraint("progress >= 0", name="progress"),
    CheckConstraint("claimed_at IS NULL OR unlocked_at IS NOT NULL", name="claimed_when_unlocked"),
    CheckConstraint("(claimed_at IS NULL) = (claimed_gold IS NULL)", name="claimed_gold"),
)

game_events = Table(
    "game_events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("goal", BigInteger, nullable=False),
    Column("reward_gold", BigInteger, nullable=False),
    at("starts_at"),
    at("ends_at", nullable=True),
    Column("max_participants", Integer),
    CheckConstraint("goal > 0 AND reward_gold > 0", name="amounts"),
)

event_participants = Table(
    "event_participants",
    metadata,
    Column("event_id", Text, ForeignKey("game_events.id"), nullable=False),
    user_id(),
    Column("progress", BigInteger, nullable=False, server_default="0"),
    at("joined_at"),
    at("completed_at", nullable=True),
    at("claimed_at", nullable=True),
    PrimaryKeyConstraint("event_id", "user_id"),
    CheckConstraint("progress >= 0", name="progress"),
    CheckConstraint("claimed_at IS NULL OR completed_at IS NOT NULL", name="claimed_when_completed"),
)
Index("ix_event_participants_user_id", event_participants.c.user_id)
