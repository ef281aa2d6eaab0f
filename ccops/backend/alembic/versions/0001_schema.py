"""Create the schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "achievements",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("threshold", sa.BigInteger(), nullable=False),
        sa.Column("reward_gold", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("threshold > 0 AND reward_gold >= 0", name=op.f("ck_achievements_amounts")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_achievements")),
    )
    op.create_index(op.f("ix_achievements_metric"), "achievements", ["metric"], unique=False)
    op.create_table(
        "game_events",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("goal", sa.BigInteger(), nullable=False),
        sa.Column("reward_gold", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("max_participants", sa.Integer(), nullable=True),
        sa.CheckConstraint("goal > 0 AND reward_gold > 0", name=op.f("ck_game_events_amounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_game_events")),
    )
    op.create_table(
        "invite_codes",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("max_uses", sa.Integer(), nullable=True),
        sa.Column("used_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "used_count >= 0 AND (max_uses IS NULL OR used_count <= max_uses)",
            name=op.f("ck_invite_codes_used"),
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_invite_codes")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("realtime", sa.Boolean(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("kafka_partition", sa.Integer(), nullable=True),
        sa.Column("kafka_offset", sa.BigInteger(), nullable=True),
        sa.Column("kafka_acked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pushed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("topic IS NOT NULL OR realtime", name=op.f("ck_outbox_has_sink")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("event_id", name=op.f("uq_outbox_event_id")),
    )
    op.create_index(
        "ix_outbox_kafka_pending",
        "outbox",
        ["id"],
        unique=False,
        postgresql_where=sa.text("topic IS NOT NULL AND kafka_acked_at IS NULL"),
    )
    op.create_index(
        "ix_outbox_kafka_position", "outbox", ["topic", "kafka_partition", "kafka_offset"], unique=False
    )
    op.create_index(
        "ix_outbox_realtime_pending",
        "outbox",
        ["id"],
        unique=False,
        postgresql_where=sa.text("realtime AND pushed_at IS NULL"),
    )
    op.create_index(op.f("ix_outbox_trace_id"), "outbox", ["trace_id"], unique=False)
    op.create_table(
        "payment_events",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("provider", "event_id", name=op.f("pk_payment_events")),
    )
    op.create_index(
        "ix_payment_events_unprocessed",
        "payment_events",
        ["received_at"],
        unique=False,
        postgresql_where=sa.text("processed_at IS NULL"),
    )
    op.create_table(
        "products",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("price_gold", sa.BigInteger(), nullable=True),
        sa.Column("price_cents", sa.BigInteger(), nullable=True),
        sa.Column("gold_amount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("min_rank", sa.Text(), server_default="STANDARD", nullable=False),
        sa.Column("adult_only", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('gold_pack','item','limited','battle_pass')", name=op.f("ck_products_kind")
        ),
        sa.CheckConstraint(
            "(price_gold IS NULL) <> (price_cents IS NULL)", name=op.f("ck_products_one_price")
        ),
        sa.CheckConstraint(
            "coalesce(price_gold, 1) > 0 AND coalesce(price_cents, 1) > 0 AND gold_amount >= 0",
            name=op.f("ck_products_amounts"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("public_id", sa.UUID(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("nickname", sa.Text(), nullable=False),
        sa.Column("phone_enc", sa.LargeBinary(), nullable=True),
        sa.Column("birth_date_enc", sa.LargeBinary(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("rank", sa.Text(), server_default="STANDARD", nullable=False),
        sa.Column("level", sa.Integer(), server_default="1", nullable=False),
        sa.Column("exp", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("age_verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("rank IN ('STANDARD','PREMIUM','VIP','ADMIN')", name=op.f("ck_users_rank")),
        sa.CheckConstraint("level >= 1 AND exp >= 0", name=op.f("ck_users_progress")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("public_id", name=op.f("uq_users_public_id")),
    )
    op.create_index("uq_users_nickname_lower", "users", [sa.literal_column("lower(nickname)")], unique=True)
    op.create_index("uq_users_site_id_lower", "users", [sa.literal_column("lower(site_id)")], unique=True)
    op.create_table(
        "event_participants",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("progress", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("progress >= 0", name=op.f("ck_event_participants_progress")),
        sa.ForeignKeyConstraint(
            ["event_id"], ["game_events.id"], name=op.f("fk_event_participants_event_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_event_participants_user_id")),
        sa.PrimaryKeyConstraint("event_id", "user_id", name=op.f("pk_event_participants")),
    )
    op.create_index("ix_event_participants_user_id", "event_participants", ["user_id"], unique=False)
    op.create_table(
        "game_rounds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("public_id", sa.UUID(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("game", sa.Text(), nullable=False),
        sa.Column("bet", sa.BigInteger(), nullable=False),
        sa.Column("payout", sa.BigInteger(), nullable=False),
        sa.Column("outcome", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("server_seed_hash", sa.Text(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("bet > 0 AND payout >= 0", name=op.f("ck_game_rounds_amounts")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_game_rounds_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_game_rounds")),
        sa.UniqueConstraint("event_id", name=op.f("uq_game_rounds_event_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_game_rounds_public_id")),
        sa.UniqueConstraint("user_id", "game", "nonce", name=op.f("uq_game_rounds_user_id_game_nonce")),
    )
    op.create_index(op.f("ix_game_rounds_trace_id"), "game_rounds", ["trace_id"], unique=False)
    op.create_index(
        "ix_game_rounds_user_created",
        "game_rounds",
        ["user_id", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_table(
        "game_stats",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("game", sa.Text(), nullable=False),
        sa.Column("plays", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("wins", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("losses", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("wagered", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("paid", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_game_stats_user_id")),
        sa.PrimaryKeyConstraint("user_id", "game", name=op.f("pk_game_stats")),
    )
    op.create_table(
        "gold_ledger",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("counter_account", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ref_type", sa.Text(), nullable=False),
        sa.Column("ref_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("balance_after >= 0", name=op.f("ck_gold_ledger_balance_nonneg")),
        sa.CheckConstraint("delta <> 0", name=op.f("ck_gold_ledger_delta_nonzero")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_gold_ledger_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gold_ledger")),
        sa.UniqueConstraint("event_id", name=op.f("uq_gold_ledger_event_id")),
        sa.UniqueConstraint(
            "user_id",
            "ref_type",
            "ref_id",
            "reason",
            name=op.f("uq_gold_ledger_user_id_ref_type_ref_id_reason"),
        ),
        sa.UniqueConstraint("user_id", "seq", name=op.f("uq_gold_ledger_user_id_seq")),
    )
    op.create_index(op.f("ix_gold_ledger_trace_id"), "gold_ledger", ["trace_id"], unique=False)
    op.create_index(
        "ix_gold_ledger_user_created",
        "gold_ledger",
        ["user_id", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("response_body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(key) BETWEEN 1 AND 255", name=op.f("ck_idempotency_keys_key_length")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_idempotency_keys_user_id")),
        sa.PrimaryKeyConstraint("user_id", "scope", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_expires_at", "idempotency_keys", ["expires_at"], unique=False)
    op.create_table(
        "invite_redemptions",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["code"], ["invite_codes.code"], name=op.f("fk_invite_redemptions_code")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_invite_redemptions_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_invite_redemptions")),
    )
    op.create_index(op.f("ix_invite_redemptions_code"), "invite_redemptions", ["code"], unique=False)
    op.create_table(
        "refresh_tokens",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("family_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("parent_id", sa.UUID(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoke_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_refresh_tokens_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_tokens")),
        sa.UniqueConstraint("parent_id", name=op.f("uq_refresh_tokens_parent_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_refresh_tokens_token_hash")),
    )
    op.create_index(op.f("ix_refresh_tokens_family_id"), "refresh_tokens", ["family_id"], unique=False)
    op.create_index(
        "ix_refresh_tokens_user_live",
        "refresh_tokens",
        ["user_id"],
        unique=False,
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_table(
        "shop_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("public_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("qty", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.Column("amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('PENDING','SUCCESS','FAILED','REFUNDED','REVIEW')",
            name=op.f("ck_shop_transactions_status"),
        ),
        sa.CheckConstraint("qty BETWEEN 1 AND 1000", name=op.f("ck_shop_transactions_qty")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_shop_transactions_product_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_shop_transactions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_transactions")),
        sa.UniqueConstraint("public_id", name=op.f("uq_shop_transactions_public_id")),
        sa.UniqueConstraint("user_id", "product_id", "idempotency_key", name="uq_shop_tx_user_product_idem"),
    )
    op.create_index(
        "ix_shop_transactions_pending",
        "shop_transactions",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("status = 'PENDING'"),
    )
    op.create_index(op.f("ix_shop_transactions_trace_id"), "shop_transactions", ["trace_id"], unique=False)
    op.create_index(
        "ix_shop_transactions_user_created",
        "shop_transactions",
        ["user_id", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_index(
        "uq_shop_transactions_provider_receipt",
        "shop_transactions",
        ["provider", "receipt"],
        unique=True,
        postgresql_where=sa.text("receipt IS NOT NULL"),
    )
    op.create_table(
        "streak_claims",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("action_type", sa.Text(), nullable=False),
        sa.Column("claim_day", sa.Date(), nullable=False),
        sa.Column("reward_gold", sa.BigInteger(), nullable=False),
        sa.Column("ledger_seq", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_streak_claims_user_id")),
        sa.PrimaryKeyConstraint("user_id", "action_type", "claim_day", name=op.f("pk_streak_claims")),
    )
    op.create_table(
        "user_achievements",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("progress", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unlocked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("progress >= 0", name=op.f("ck_user_achievements_progress")),
        sa.ForeignKeyConstraint(["code"], ["achievements.code"], name=op.f("fk_user_achievements_code")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_achievements_user_id")),
        sa.PrimaryKeyConstraint("user_id", "code", name=op.f("pk_user_achievements")),
    )
    op.create_table(
        "user_actions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("action_type", sa.Text(), nullable=False),
        sa.Column("context", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("client_ts", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_actions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_actions")),
        sa.UniqueConstraint("event_id", name=op.f("uq_user_actions_event_id")),
    )
    op.create_index(
        "ix_user_actions_action_type_created_at", "user_actions", ["action_type", "created_at"], unique=False
    )
    op.create_index(op.f("ix_user_actions_trace_id"), "user_actions", ["trace_id"], unique=False)
    op.create_index(
        "ix_user_actions_user_id_created_at",
        "user_actions",
        ["user_id", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_table(
        "user_seeds",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("server_seed_enc", sa.LargeBinary(), nullable=False),
        sa.Column("server_seed_hash", sa.Text(), nullable=False),
        sa.Column("client_seed", sa.Text(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_seeds_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_user_seeds")),
    )
    op.create_table(
        "user_streaks",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("action_type", sa.Text(), nullable=False),
        sa.Column("current", sa.Integer(), nullable=False),
        sa.Column("longest", sa.Integer(), nullable=False),
        sa.Column("last_claim_day", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_streaks_user_id")),
        sa.PrimaryKeyConstraint("user_id", "action_type", name=op.f("pk_user_streaks")),
    )
    op.create_table(
        "wallets",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gold", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("gold >= 0", name=op.f("ck_wallets_gold_nonneg")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_wallets_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_wallets")),
        postgresql_with={"fillfactor": 70},
    )


def downgrade() -> None:
    op.drop_table("wallets")
    op.drop_table("user_streaks")
    op.drop_table("user_seeds")
    op.drop_index("ix_user_actions_user_id_created_at", table_name="user_actions")
    op.drop_index(op.f("ix_user_actions_trace_id"), table_name="user_actions")
    op.drop_index("ix_user_actions_action_type_created_at", table_name="user_actions")
    op.drop_table("user_actions")
    op.drop_table("user_achievements")
    op.drop_table("streak_claims")
    op.drop_index(
        "uq_shop_transactions_provider_receipt",
        table_name="shop_transactions",
        postgresql_where=sa.text("receipt IS NOT NULL"),
    )
    op.drop_index("ix_shop_transactions_user_created", table_name="shop_transactions")
    op.drop_index(op.f("ix_shop_transactions_trace_id"), table_name="shop_transactions")
    op.drop_index(
        "ix_shop_transactions_pending",
        table_name="shop_transactions",
        postgresql_where=sa.text("status = 'PENDING'"),
    )
    op.drop_table("shop_transactions")
    op.drop_index(
        "ix_refresh_tokens_user_live",
        table_name="refresh_tokens",
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.drop_index(op.f("ix_refresh_tokens_family_id"), table_name="refresh_tokens")
    op.drop_table("refresh_tokens")
    op.drop_index(op.f("ix_invite_redemptions_code"), table_name="invite_redemptions")
    op.drop_table("invite_redemptions")
    op.drop_index("ix_idempotency_keys_expires_at", table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_index("ix_gold_ledger_user_created", table_name="gold_ledger")
    op.drop_index(op.f("ix_gold_ledger_trace_id"), table_name="gold_ledger")
    op.drop_table("gold_ledger")
    op.drop_table("game_stats")
    op.drop_index("ix_game_rounds_user_created", table_name="game_rounds")
    op.drop_index(op.f("ix_game_rounds_trace_id"), table_name="game_rounds")
    op.drop_table("game_rounds")
    op.drop_index("ix_event_participants_user_id", table_name="event_participants")
    op.drop_table("event_participants")
    op.drop_index("uq_users_site_id_lower", table_name="users")
    op.drop_index("uq_users_nickname_lower", table_name="users")
    op.drop_table("users")
    op.drop_table("products")
    op.drop_index(
        "ix_payment_events_unprocessed",
        table_name="payment_events",
        postgresql_where=sa.text("processed_at IS NULL"),
    )
    op.drop_table("payment_events")
    op.drop_index(op.f("ix_outbox_trace_id"), table_name="outbox")
    op.drop_index(
        "ix_outbox_realtime_pending",
        table_name="outbox",
        postgresql_where=sa.text("realtime AND pushed_at IS NULL"),
    )
    op.drop_index("ix_outbox_kafka_position", table_name="outbox")
    op.drop_index(
        "ix_outbox_kafka_pending",
        table_name="outbox",
        postgresql_where=sa.text("topic IS NOT NULL AND kafka_acked_at IS NULL"),
    )
    op.drop_table("outbox")
    op.drop_table("invite_codes")
    op.drop_table("game_events")
    op.drop_index(op.f("ix_achievements_metric"), table_name="achievements")
    op.drop_table("achievements")
