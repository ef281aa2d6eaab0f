"""The outbox: one row an event, two sinks with two marks."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Integer, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from ccops.backend.models.base import at, identity, metadata

outbox = Table(
    "outbox",
    metadata,
    identity(),
    Column("event_id", UUID, nullable=False, unique=True),
    Column("trace_id", Text, nullable=False, index=True),
    Column("request_id", Text, nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("topic", Text),  # null: this event does not go to Kafka
    Column("realtime", Boolean, nullable=False),  # false: no frame for the user's sockets
    Column("payload", JSONB, nullable=False),
    # clock_timestamp(): the moment of this event, not of the transaction's start
    Column("created_at", at("x").type, nullable=False, server_default=func.clock_timestamp()),
    Column("kafka_partition", Integer),
    Column("kafka_offset", BigInteger),
    at("kafka_acked_at", nullable=True),
    at("pushed_at", nullable=True),
    CheckConstraint("topic IS NOT NULL OR realtime", name="has_sink"),
)
Index(
    "ix_outbox_kafka_pending",
    outbox.c.id,
    postgresql_where=text("topic IS NOT NULL AND kafka_acked_at IS NULL"),
)
Index(
    "ix_outbox_realtime_pending",
    outbox.c.id,
    postgresql_where=text("realtime AND pushed_at IS NULL"),
)
# Finds the rows that a broker forgot: everything at or above a partition's high watermark.
Index(
    "ix_outbox_kafka_position",
    outbox.c.topic,
    outbox.c.kafka_partition,
    outbox.c.kafka_offset,
    postgresql_where=text("kafka_offset IS NOT NULL"),
)
