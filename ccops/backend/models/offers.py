"""What the house offers: limited packages, promo codes, the battle pass, grants."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from ccops.backend.models.base import at, identity, metadata, user_id

limited_packages = Table(
    "limited_packages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("product_id", Text, ForeignKey("products.id"), nullable=False),
    Column("stock_total", Integer, nullable=False),
    Column("stock_reserved", Integer, nullable=False, server_default="0"),
    Column("stock_sold", Integer, nullable=False, server_default="0"),
    Column("per_user_limit", Integer, nullable=False, server_default="1"),
    Column("hold_s", Integer),  # NULL = LIMITED_HOLD_S
    at("starts_at"),
    at("ends_at", nullable=True),
    CheckConstraint("stock_reserved >= 0 AND stock_sold >= 0", name="counts"),
    # The second net under the guarded UPDATE: nothing is promised that is not there.
    CheckConstraint("stock_reserved + stock_sold <= stock_total", name="stock"),
    CheckConstraint("per_user_limit > 0", name="per_user_limit"),
    CheckConstraint("hold_s BETWEEN 1 AND 3600", name="hold_s"),
    # One hot row that every buyer updates: room on the page keeps the updates HOT.
    postgresql_with={"fillfactor": 50},
)

limited_holds = Table(
    "limited_holds",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("package_id", Text, ForeignKey("limited_packages.id"), nullable=False),
    user_id(),
    Column("qty", Integer, nullable=False, server_default="1"),
    Column("status", Text, nullable=False),
    at("expires_at", default=False),
    Column("shop_tx_id", UUID),
    at("created_at"),
    at("ended_at", nullable=True),
    CheckConstraint("status IN ('HELD','CAPTURED','RELEASED','EXPIRED')", name="status"),
    CheckConstraint("qty > 0", name="qty"),
)
Index(
    "uq_limited_holds_one_held",
    limited_holds.c.package_id,
    limited_holds.c.user_id,
    unique=True,
    postgresql_where=text("status = 'HELD'"),
)
Index("ix_limited_holds_expiry", limited_holds.c.expires_at, postgresql_where=text("status = 'HELD'"))
Index("ix_limited_holds_user_id", limited_holds.c.user_id)

# What counts towards the limit of one person: `bought` is what they hold or have bought.
limited_user_counts = Table(
    "limited_user_counts",
    metadata,
    Column("package_id", Text, ForeignKey("limited_packages.id"), nullable=False),
    user_id(),
    Column("bought", Integer, nullable=False, server_default="0"),
    PrimaryKeyConstraint("package_id", "user_id"),
    CheckConstraint("bought >= 0", name="bought"),
)

promo_codes = Table(
    "promo_codes",
    metadata,
    Column("code", Text, primary_key=True),
    Column("gold", BigInteger, nullable=False),
    Column("max_uses", Integer),
    Column("used_count", Integer, nullable=False, server_default="0"),
    at("starts_at"),
    at("expires_at", nullable=True),
    Column("created_by", BigInteger, ForeignKey("users.id")),
    CheckConstraint("gold > 0", name="gold"),
    CheckConstraint("used_count >= 0 AND (max_uses IS NULL OR used_count <= max_uses)", name="used"),
)

promo_redemptions = Table(
    "promo_redemptions",
    metadata,
    Column("code", Text, ForeignKey("promo_codes.code"), nullable=False),
    user_id(),
    Column("gold", BigInteger, nullable=False),
    Column("ledger_seq", BigInteger, nullable=False),
    at("at"),
    PrimaryKeyConstraint("code", "user_id"),
)
Index("ix_promo_redemptions_user_id", promo_redemptions.c.user_id)

battle_pass_seasons = Table(
    "battle_pass_seasons",
    metadata,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    at("starts_at"),
    at("ends_at", nullable=True),
)

battle_pass_owners = Table(
    "battle_pass_owners",
    metadata,
    Column("season", Text, ForeignKey("battle_pass_seasons.id"), nullable=False),
    user_id(),
    Column("shop_tx_id", UUID, nullable=False),
    at("at"),
    PrimaryKeyConstraint("season", "user_id"),
)
Index("ix_battle_pass_owners_user_id", battle_pass_owners.c.user_id)

battle_pass_claims = Table(
    "battle_pass_claims",
    metadata,
    Column("season", Text, ForeignKey("battle_pass_seasons.id"), nullable=False),
    user_id(),
    Column("track", Text, nullable=False),
    Column("level", Integer, nullable=False),
    Column("reward_gold", BigInteger, nullable=False),
    Column("ledger_seq", BigInteger, nullable=False),
    at("at"),
    PrimaryKeyConstraint("season", "user_id", "track", "level"),
    CheckConstraint("track IN ('free','premium')", name="track"),
)
Index("ix_battle_pass_claims_user_id", battle_pass_claims.c.user_id)

reward_grants = Table(
    "reward_grants",
    metadata,
    identity(),
    user_id(),
    Column("ref", Text, nullable=False),
    Column("gold", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("granted_by", BigInteger, ForeignKey("users.id"), nullable=False),
    Column("ledger_seq", BigInteger, nullable=False),
    at("at"),
    UniqueConstraint("user_id", "ref"),  # a second grant of the same reference is refused
    CheckConstraint("gold > 0", name="gold"),
)
