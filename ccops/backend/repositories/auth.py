"""SQL of signup and sessions. Refresh tokens are stored as hashes only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from ccops.backend.db import Connection, call_context

_INVITE = """
SELECT max_uses IS NULL AS unlimited, coalesce(expires_at <= now(), false) AS expired,
       coalesce(used_count >= max_uses, false) AS exhausted
  FROM invite_codes WHERE code = $1
"""
_OPEN = """
WITH seen AS (UPDATE users SET last_login_at = now() WHERE id = $3 AND is_active RETURNING id)
INSERT INTO refresh_tokens (id, family_id, user_id, token_hash, expires_at)
SELECT $1, $2, seen.id, $4, now() + make_interval(secs => $5) FROM seen
"""
# One statement: the old token dies and its only child is born, or nothing happens.
_ROTATE = """
WITH old AS (
    UPDATE refresh_tokens t SET rotated_at = now()
      FROM users u
     WHERE t.token_hash = $1 AND t.rotated_at IS NULL AND t.revoked_at IS NULL AND t.expires_at > now()
       AND u.id = t.user_id AND u.is_active
    RETURNING t.id, t.family_id, t.user_id, u.rank
), child AS (
    INSERT INTO refresh_tokens (id, family_id, user_id, token_hash, parent_id, expires_at)
    SELECT $2, family_id, user_id, $3, id, now() + make_interval(secs => $4) FROM old
)
SELECT family_id, user_id, rank FROM old
"""
_STATE = """
SELECT family_id, user_id, rotated_at IS NOT NULL AS rotated, expires_at <= now() AS expired,
       coalesce(rotated_at > now() - make_interval(secs => $2), false) AS fresh
  FROM refresh_tokens WHERE token_hash = $1
"""
_REVOKE = """
UPDATE refresh_tokens SET revoked_at = now(), revoke_reason = $2
 WHERE family_id = $1 AND revoked_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What a signup writes: personal data encrypted, the password hashed."""

    public_id: str
    site_id: str
    nickname: str
    password_hash: str
    birth_date_enc: bytes
    phone_enc: bytes | None
    invite_code: str
    gold: int
    server_seed_enc: bytes
    server_seed_hash: str
    client_seed: str


async def find_invite(conn: Connection, code: str) -> Mapping[str, object] | None:
    """Return `unlimited`, `expired`, `exhausted` of an invite code, or None."""
    return await conn.fetchrow(_INVITE, code)


async def create_account(conn: Connection, new: NewAccount) -> int:
    """Create everything an account needs in one transaction and return its id."""
    made = await conn.fetchval(
        "SELECT cc_signup($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        call_context(), new.public_id, new.site_id, new.nickname, new.password_hash, new.birth_date_enc,
        new.phone_enc, new.invite_code, new.gold, new.server_seed_enc, new.server_seed_hash, new.client_seed,
    )  # fmt: skip
    return cast(int, made)


async def open_session(
    conn: Connection, user_id: int, *, token_id: str, family: str, token_hash: bytes, ttl_s: int
) -> bool:
    """Store the first refresh token of a new family and note the login; False: the account is closed."""
    return await conn.execute(_OPEN, token_id, family, user_id, token_hash, float(ttl_s)) == "INSERT 0 1"


async def rotate(
    conn: Connection, token_hash: bytes, *, child_id: str, child_hash: bytes, ttl_s: int
) -> Mapping[str, object] | None:
    """Exchange a live token for its child; None when the token was not live."""
    return await conn.fetchrow(_ROTATE, token_hash, child_id, child_hash, float(ttl_s))


async def token_state(conn: Connection, token_hash: bytes, *, leeway_s: int) -> Mapping[str, object] | None:
    """Return why a token could not be rotated, or None when nobody knows it."""
    return await conn.fetchrow(_STATE, token_hash, float(leeway_s))


async def close_reused(conn: Connection, user_id: int, family: str) -> None:
    """Revoke a family one of whose tokens came back, and say so once."""
    await conn.execute("SELECT cc_refresh_reused($1, $2, $3)", call_context(), user_id, family)


async def logout_all(conn: Connection, user_id: int) -> list[str]:
    """Revoke every session of a user and return the families closed by it."""
    families = await conn.fetchval("SELECT cc_logout_all($1, $2)", call_context(), user_id)
    return [str(family) for family in cast(list[object], families)]


async def tell(conn: Connection, user_id: int, event: Mapping[str, object]) -> None:
    """Write a security event; `event` holds no personal data."""
    await conn.execute("SELECT cc_security($1, $2, $3)", call_context(), user_id, event)


async def replace_hash(conn: Connection, user_id: int, *, old: str, new: str) -> None:
    """Store a password's new hash, unless another one was stored meanwhile."""
    query = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2"
    await conn.execute(query, user_id, old, new)


async def revoke_family(conn: Connection, family: str, *, reason: str) -> None:
    """Revoke every token of a family.

    Repeats until nothing is left: a rotation that committed while the UPDATE waited for its parent has a
    child that the UPDATE's snapshot did not see.
    """
    while await conn.execute(_REVOKE, family, reason) != "UPDATE 0":
        continue
