"""Gold: wallets, the ledger, the shop, idempotency, payments."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from ccops.backend.models.base import at, identity, metadata, user_id

wallets = Table(
    "wallets",
    metadata,
    Column("user_id", BigInteger, ForeignKey("users.id"), primary_key=True, autoincrement=False),
    Column("gold", BigInteger, nullable=False, server_default="0"),
    Column("version", BigInteger, nullable=False, server_default="0"),
    at("updated_at"),
    CheckConstraint("gold >= 0", name="gold_nonneg"),
    # Room on each page keeps wallet updates HOT; gold is never indexed.
    postgresql_with={"fillfactor": 70},
)

gold_ledger = Table(
    "gold_ledger",
    metadata,
    identity(),
    user_id(),
    Column("seq", BigInteger, nullable=False),
    Column("delta", BigInteger, nullable=False),
    Column("balance_after", BigInteger, nullable=False),
    Column("counter_account", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ref_type", Text, nullable=False),
    Column("ref_id", Text, nullable=False),
    Column("event_id", UUID, nullable=False, unique=True),
    Column("trace_id", Text, nullable=False, index=True),
    Column("request_id", Text, nullable=False),
    at("created_at"),
    UniqueConstraint("user_id", "seq"),
    UniqueConstraint("user_id", "ref_type", "ref_id", "reason"),
    CheckConstraint("delta <> 0", name="delta_nonzero"),
    CheckConstraint("balance_after >= 0", name="balance_nonneg"),
)
Index("ix_gold_ledger_user_created", gold_ledger.c.user_id, gold_ledger.c.created_at.desc())

products = Table(
    "products",
    metadata,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("price_gold", BigInteger),
    Column("price_cents", BigInteger),
    Column("gold_amount", BigInteger, nullable=False, server_default="0"),
    Column("min_rank", Text, nullable=False, server_default="STANDARD"),
    Column("adult_only", Boolean, nullable=False, server_default=text("false")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    at("starts_at", nullable=True),
    at("ends_at", nullable=True),
    Column("season", Text, ForeignKey("battle_pass_seasons.id")),  # what a battle_pass product opens
    CheckConstraint("kind IN ('gold_pack','item','limited','battle_pass')", name="kind"),
    CheckConstraint("(price_gold IS NULL) <> (price_cents IS NULL)", name="one_price"),
    CheckConstraint(
        "coalesce(price_gold, 1) > 0 AND coalesce(price_cents, 1) > 0 AND gold_amount >= 0", name="amounts"
    ),
)

shop_transactions = Table(
    "shop_transactions",
    metadata,
    identity(),
    Column("public_id", UUID, nullable=False, unique=True),
    user_id(),
    Column("product_id", Text, ForeignKey("products.id"), nullable=False),
    Column("qty", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("unit_price", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("provider", Text),
    Column("receipt", Text),
    Column("amount_cents", BigInteger),
    # What a payment will credit, fixed when it was promised: a later price change changes no purchase.
    Column("gold_amount", BigInteger, nullable=False, server_default="0"),
    Column("hold_id", UUID),
    Column("failure_reason", Text),
    Column("trace_id", Text, nullable=False, index=True),
    Column("request_id", Text, nullable=False),
    at("created_at"),
    at("settled_at", nullable=True),
    at("refunded_at", nullable=True),
    UniqueConstraint("user_id", "product_id", "idempotency_key", name="uq_shop_tx_user_product_idem"),
    CheckConstraint("status IN ('PENDING','SUCCESS','FAILED','REFUNDED','REVIEW')", name="status"),
    CheckConstraint("qty BETWEEN 1 AND 1000", name="qty"),
)
Index("ix_shop_transactions_user_created", shop_transactions.c.user_id, shop_transactions.c.created_at.desc())
Index(
    "ix_shop_transactions_pending",
    shop_transactions.c.created_at,
    postgresql_where=text("status = 'PENDING'"),
)
Index(
    "uq_shop_transactions_provider_receipt",
    shop_transactions.c.provider,
    shop_transactions.c.receipt,
    unique=True,
    postgresql_where=text("receipt IS NOT NULL"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    user_id(),
    Column("scope", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("response_status", Integer),
    # Bytes, not jsonb: a replay must answer exactly what the first call answered.
    Column("response_body", LargeBinary),
    at("created_at"),
    at("expires_at", default=False),
    PrimaryKeyConstraint("user_id", "scope", "key"),
    CheckConstraint("length(key) BETWEEN 1 AND 255", name="key_length"),
    # Each row is written twice, without and with its answer: with room on the page the second is HOT.
    postgresql_with={"fillfactor": 70},
)
Index("ix_idempotency_keys_expires_at", idempotency_keys.c.expires_at)

payment_events = Table(
    "payment_events",
    metadata,
    Column("provider", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("amount_cents", BigInteger),
    Column("payload", JSONB, nullable=False),
    at("received_at"),
    at("processed_at", nullable=True),
    Column("outcome", Text),
    PrimaryKeyConstraint("provider", "event_id"),
)
Index(
    "ix_payment_events_unprocessed",
    payment_events.c.received_at,
    postgresql_where=text("processed_at IS NULL"),
)
