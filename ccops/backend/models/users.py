"""Accounts, invites, sessions."""

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
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from ccops.backend.models.base import at, identity, metadata

users = Table(
    "users",
    metadata,
    identity(),
    Column("public_id", UUID, nullable=False, unique=True),
    Column("site_id", Text, nullable=False),
    Column("nickname", Text, nullable=False),
    Column("phone_enc", LargeBinary),
    Column("birth_date_enc", LargeBinary),  # null once erased
    Column("password_hash", Text, nullable=False),
    Column("rank", Text, nullable=False, server_default="STANDARD"),
    Column("level", Integer, nullable=False, server_default="1"),
    Column("exp", BigInteger, nullable=False, server_default="0"),
    at("age_verified_at", nullable=True),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    at("created_at"),
    at("last_login_at", nullable=True),
    at("erased_at", nullable=True),  # personal data removed on request; the ledger stays, pseudonymous
    CheckConstraint("rank IN ('STANDARD','PREMIUM','VIP','ADMIN')", name="rank"),
    CheckConstraint("level >= 1 AND exp >= 0", name="progress"),
)
Index("uq_users_site_id_lower", func.lower(users.c.site_id), unique=True)
Index("uq_users_nickname_lower", func.lower(users.c.nickname), unique=True)

invite_codes = Table(
    "invite_codes",
    metadata,
    Column("code", Text, primary_key=True),
    Column("max_uses", Integer),
    Column("used_count", Integer, nullable=False, server_default="0"),
    at("expires_at", nullable=True),
    Column("created_by", BigInteger),
    CheckConstraint("used_count >= 0 AND (max_uses IS NULL OR used_count <= max_uses)", name="used"),
)

invite_redemptions = Table(
    "invite_redemptions",
    metadata,
    Column("user_id", BigInteger, ForeignKey("users.id"), primary_key=True, autoincrement=False),
    Column("code", Text, ForeignKey("invite_codes.code"), nullable=False, index=True),
    at("at"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("family_id", UUID, nullable=False, index=True),
    Column("user_id", BigInteger, ForeignKey("users.id"), nullable=False),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("parent_id", UUID),
    at("issued_at"),
    at("expires_at", default=False),
    at("rotated_at", nullable=True),
    at("revoked_at", nullable=True),
    Column("revoke_reason", Text),
    UniqueConstraint("parent_id"),  # one child a token: rotation can't fork
)
Index(
    "ix_refresh_tokens_user_live",
    refresh_tokens.c.user_id,
    postgresql_where=text("revoked_at IS NULL"),
)
