"""Add the table in which operators' moves of consumer groups are kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consumer_offsets",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("consumer_group", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("before_offset", sa.BigInteger(), nullable=True),
        sa.Column("target_offset", sa.BigInteger(), nullable=True),
        sa.Column("after_offset", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint(
            "run_id", "consumer_group", "topic", "partition", name=op.f("pk_consumer_offsets")
        ),
    )
    op.create_index("ix_consumer_offsets_consumer_group_at", "consumer_offsets", ["consumer_group", "at"])


def downgrade() -> None:
    op.drop_table("consumer_offsets")
