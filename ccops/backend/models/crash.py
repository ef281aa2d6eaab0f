"""The crash game: rounds whose seed is committed before the bets, and the bets."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from ccops.backend.models.base import at, identity, metadata, user_id

crash_rounds = Table(
    "crash_rounds",
    metadata,
    identity(),
    Column("public_id", UUID, nullable=False, unique=True),
    Column("seed_hash", Text, nullable=False, unique=True),
    Column("seed_enc", LargeBinary, nullable=False),  # encrypted until the crash reveals it
    Column("seed", Text),
    Column("crash_x100", Integer),
    Column("status", Text, nullable=False),
    at("opened_at"),
    at("started_at", nullable=True),
    at("ended_at", nullable=True),
    CheckConstraint("status IN ('BETTING','RUNNING','CRASHED')", name="status"),
    # The result shows at the crash and not before.
    CheckConstraint(
        "(status = 'CRASHED') = (seed IS NOT NULL) AND (status = 'CRASHED') = (crash_x100 IS NOT NULL)",
        name="seed_hidden_until_crash",
    ),
    CheckConstraint("crash_x100 >= 100", name="crash_x100"),
)
Index(
    "uq_crash_rounds_one_open",
    crash_rounds.c.status,
    unique=True,
    postgresql_where=text("status <> 'CRASHED'"),
)

crash_bets = Table(
    "crash_bets",
    metadata,
    Column("round_id", BigInteger, ForeignKey("crash_rounds.id"), nullable=False),
    user_id(),
    Column("bet", BigInteger, nullable=False),
    Column("auto_x100", Integer),
    Column("cashed_x100", Integer),
    Column("payout", BigInteger, nullable=False, server_default="0"),
    Column("status", Text, nullable=False),
    Column("trace_id", Text, nullable=False),
    at("created_at"),
    at("ended_at", nullable=True),
    PrimaryKeyConstraint("round_id", "user_id"),
    CheckConstraint("status IN ('OPEN','CASHED','LOST')", name="status"),
    CheckConstraint("bet > 0 AND payout >= 0", name="amounts"),
    CheckConstraint("auto_x100 > 100 AND cashed_x100 >= 100", name="multipliers"),
)
Index("ix_crash_bets_user_id", crash_bets.c.user_id)
