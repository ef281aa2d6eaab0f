"""SQL of administrators. Each write is one function: the change and its audit row, or neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from ccops.backend.db import Connection, call_context

_USERS = """
SELECT u.id, u.public_id, u.site_id, u.nickname, u.rank, w.gold AS gold_balance, w.version AS wallet_version,
       u.is_active, u.created_at
  FROM users u JOIN wallets w ON w.user_id = u.id
 WHERE u.id < $2 AND ($1 = '' OR starts_with(lower(u.site_id), lower($1))
                              OR starts_with(lower(u.nickname), lower($1)) OR u.id::text = $1)
 ORDER BY u.id DESC LIMIT $3
"""
_AUDIT = """
SELECT id, actor_id, action, target, before, after, reason, request_id, created_at,
       encode(hash, 'hex') AS hash
  FROM audit_log
 WHERE id < $1 AND ($2 = '' OR action = $2) AND ($3 = '' OR target = $3)
 ORDER BY id DESC LIMIT $4
"""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A correction: `version` is the wallet version that must still hold, None = any."""

    user_id: int
    delta: int
    reason: str
    version: int | None
    key: str | None
    request_hash: bytes


async def list_users(conn: Connection, *, search: str, before: int, limit: int) -> list[Mapping[str, object]]:
    """Return accounts whose site id or nickname begins with `search`, or that have this id."""
    return await conn.fetch(_USERS, search, before, limit)


async def list_audit(
    conn: Connection, *, action: str, target: str, before: int, limit: int
) -> list[Mapping[str, object]]:
    """Return audit rows below id `before`, newest first; empty filters let everything through."""
    return await conn.fetch(_AUDIT, before, action, target, limit)


async def set_rank(
    conn: Connection, actor: int, user_id: int, rank: str, *, reason: str, action: str
) -> tuple[str, bool]:
    """Change a rank; returns the previous one and whether it changed."""
    row = await conn.fetchrow(
        "SELECT previous, audit_id FROM cc_set_rank($1, $2, $3, $4, $5, $6)",
        call_context(), actor, user_id, rank, reason, action,
    )  # fmt: skip
    assert row is not None
    return str(row["previous"]), row["audit_id"] is not None


async def adjust(conn: Connection, actor: int, given: Adjustment) -> tuple[int, bytes, bool]:
    """Correct a balance; returns status, body and whether it is a replay."""
    row = await conn.fetchrow(
        "SELECT status, body, replayed FROM cc_gold_adjust($1, $2, $3, $4, $5, $6, $7, $8)",
        call_context(), actor, given.user_id, given.delta, given.reason, given.version, given.key,
        given.request_hash,
    )  # fmt: skip
    assert row is not None
    return cast(int, row["status"]), cast(bytes, row["body"]), cast(bool, row["replayed"])


async def create_invite(
    conn: Connection, actor: int, code: str, *, max_uses: int | None, expires_at: datetime | None
) -> None:
    """Create an invite code; raises CODE_TAKEN."""
    query = "SELECT cc_create_invite($1, $2, $3, $4, $5)"
    await conn.execute(query, call_context(), actor, code, max_uses, expires_at)


async def create_promo(
    conn: Connection, actor: int, code: str, *, gold: int, max_uses: int | None,
    starts_at: datetime | None, expires_at: datetime | None,
) -> datetime:  # fmt: skip
    """Create a promo code and return from when it is valid; raises CODE_TAKEN."""
    row = await conn.fetchrow(
        "SELECT starts_at FROM cc_create_promo($1, $2, $3, $4, $5, $6, $7)",
        call_context(), actor, code, gold, max_uses, starts_at, expires_at,
    )  # fmt: skip
    assert row is not None
    return cast(datetime, row["starts_at"])
