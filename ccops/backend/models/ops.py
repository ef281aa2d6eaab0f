"""What operators did from outside: written by tools, read by people, never by the game."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from ccops.backend.models.base import at, metadata

# One row a partition of a run that moved a consumer group; a null offset is no commit.
consumer_offsets = Table(
    "consumer_offsets",
    metadata,
    Column("run_id", Text, nullable=False),
    Column("consumer_group", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("before_offset", BigInteger),
    Column("target_offset", BigInteger),
    Column("after_offset", BigInteger),
    Column("outcome", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    at("at"),
    PrimaryKeyConstraint("run_id", "consumer_group", "topic", "partition"),
)
Index("ix_consumer_offsets_consumer_group_at", consumer_offsets.c.consumer_group, consumer_offsets.c.at)
