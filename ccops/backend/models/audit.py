"""What administrators did: a chain of hashes, so that a removed or edited row shows."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from ccops.backend.models.base import at, identity, metadata

audit_log = Table(
    "audit_log",
    metadata,
    identity(),
    Column("actor_id", BigInteger, ForeignKey("users.id"), nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    # Personal data never enters these two; they hold what changed.
    Column("before", JSONB, nullable=False),
    Column("after", JSONB, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("trace_id", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    at("created_at"),
    # SHA-256 over the previous row's hash and this row's content.
    Column("prev_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
)
Index("ix_audit_log_actor_id", audit_log.c.actor_id)
