"""SQL of accounts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from ccops.backend.db import Connection, call_context

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


async def set_age_verified_or_none(conn: Connection, user_id: int) -> datetime | None:
    """Record the verification once and return when that was; None: the account is closed."""
    moment = await conn.fetchval(
        "UPDATE users SET age_verified_at = coalesce(age_verified_at, now()) WHERE id = $1 AND is_active"
        " RETURNING age_verified_at",
        user_id,
    )
    return cast(datetime | None, moment)


async def is_admin(conn: Connection, user_id: int) -> bool:
    """Return whether the account is an active administrator at this moment."""
    query = "SELECT EXISTS (SELECT 1 FROM users WHERE id = $1 AND rank = 'ADMIN' AND is_active)"
    return bool(await conn.fetchval(query, user_id))


async def set_nickname(conn: Connection, user_id: int, nickname: str) -> bool:
    """Change the nickname; raises NICKNAME_TAKEN through the unique index. False: the account is closed."""
    query = "UPDATE users SET nickname = $2 WHERE id = $1 AND is_active"
    return await conn.execute(query, user_id, nickname) == "UPDATE 1"


async def get_balance_or_none(conn: Connection, user_id: int) -> Mapping[str, object] | None:
    """Return `user_id`, `gold_balance`, `wallet_version`."""
    query = "SELECT user_id, gold AS gold_balance, version AS wallet_version FROM wallets WHERE user_id = $1"
    return await conn.fetchrow(query, user_id)


async def list_ledger(
    conn: Connection, user_id: int, *, before: int, limit: int
) -> list[Mapping[str, object]]:
    """Return at most `limit` ledger rows below seq `before`, newest first."""
    return await conn.fetch(
        "SELECT seq, delta, balance_after, counter_account, reason, ref_type, ref_id, created_at"
        "  FROM gold_ledger WHERE user_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3",
        user_id,
        before,
        limit,
    )


async def erase(conn: Connection, user_id: int) -> tuple[datetime, list[str]]:
    """Erase personal data; returns when that was done and the sessions this closed."""
    row = await conn.fetchrow("SELECT moment, families FROM cc_erase($1, $2)", call_context(), user_id)
    assert row is not None
    return cast(datetime, row["moment"]), [str(family) for family in cast(list[object], row["families"])]
