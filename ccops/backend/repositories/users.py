"""SQL of accounts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from ccops.backend.db import Connection

_ACCOUNT = """
    u.id, u.public_id, u.site_id, u.nickname, u.rank, u.level, u.exp, w.gold AS gold_balance,
    w.version AS wallet_version, u.age_verified_at IS NOT NULL AS age_verified, u.created_at
"""
_BY_ID = f"SELECT {_ACCOUNT} FROM users u JOIN wallets w ON w.user_id = u.id WHERE u.id = $1"  # noqa: S608
_BY_SITE_ID = f"""
SELECT {_ACCOUNT}, u.password_hash, u.is_active FROM users u JOIN wallets w ON w.user_id = u.id
 WHERE lower(u.site_id) = lower($1)
"""  # noqa: S608 - the only thing interpolated is our own column list


async def get_account_or_none(conn: Connection, user_id: int) -> Mapping[str, object] | None:
    """Return the account, or None when it does not exist."""
    return await conn.fetchrow(_BY_ID, user_id)


async def get_credentials_or_none(conn: Connection, site_id: str) -> Mapping[str, object] | None:
    """Return the account with `password_hash` and `is_active`."""
    return await conn.fetchrow(_BY_SITE_ID, site_id)


async def get_birth_or_none(conn: Connection, user_id: int) -> Mapping[str, object] | None:
    """Return `birth_date_enc` and `age_verified_at`."""
    return await conn.fetchrow("SELECT birth_date_enc, age_verified_at FROM users WHERE id = $1", user_id)


async def set_age_verified(conn: Connection, user_id: int) -> datetime:
    """Record the verification once and return when that was."""
    moment = await conn.fetchval(
        "UPDATE users SET age_verified_at = coalesce(age_verified_at, now()) WHERE id = $1"
        " RETURNING age_verified_at",
        user_id,
    )
    return cast(datetime, moment)


async def is_admin(conn: Connection, user_id: int) -> bool:
    """Return whether the account is an active administrator at this moment."""
    query = "SELECT EXISTS (SELECT 1 FROM users WHERE id = $1 AND rank = 'ADMIN' AND is_active)"
    return bool(await conn.fetchval(query, user_id))
