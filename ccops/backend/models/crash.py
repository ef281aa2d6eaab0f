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
    # The paytable as it was when the seed was committed: no later change touches a round.
    Column("edge_bp", Integer, nullable=False),
    Column("max_x100", Integer, nullable=False),
    Column("growth_e6", Integer, nullable=False),
    Column("status", Text, nullable=False),
    at("created_at"),
    at("opened_at", nullable=True),
    at(
        "starts_at", nullable=True
    ),  # betting ends and the multiplier starts; the clock decides, not the status
    at("ended_at", nullable=True),
    CheckConstraint("status IN ('WAITING','BETTING','RUNNING','CRASHED')", name="status"),
    CheckConstraint("(status = 'WAITING') = (starts_at IS NULL)", name="waits_for_a_bet"),
    # The result shows at the crash and not before.
    CheckConstraint(
        "(status = 'CRASHED') = (seed IS NOT NULL) AND (status = 'CRASHED') = (crash_x100 IS NOT NULL)",
        name="seed_hidden_until_crash",
    ),
    CheckConstraint("crash_x100 >= 100", name="crash_x100"),
)
# One round at a time, whatever its status: the index holds the same value for each that is not over.
Index(
    "uq_crash_rounds_one_open",
    text("(status <> 'CRASHED')"),
    unique=True,
    postgresql_where=text("status <> 'CRASHED'"),
    _table=crash_rounds,
)

crash_bets = Table(
    "crash_bets",
    metadata,
    Column("round_id", BigInteger, ForeignKey("crash_rounds.id"), nullable=False),
    user_id(),
    Column("public_id", UUID, nullable=False, unique=True),
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
    CheckConstraint(
        "(status = 'CASHED') = (cashed_x100 IS NOT NULL) AND (status = 'CASHED') = (payout > 0)",
        name="paid_when_cashed",
    ),
)
Index("ix_crash_bets_user_id", crash_bets.c.user_id)
Index("ix_crash_bets_open", crash_bets.c.round_id, postgresql_where=text("status = 'OPEN'"))
