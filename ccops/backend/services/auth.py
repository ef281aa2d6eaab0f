"""Login: lock first, then the password, then a session."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import cast

from ccops.backend import metrics
from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import hash_password, needs_rehash, verify_password
from ccops.backend.db import db
from ccops.backend.repositories import auth as repo
from ccops.backend.repositories import users as users_repo
from ccops.backend.schemas.auth import LoginRequest, LoginResponse
from ccops.backend.schemas.users import Account
from ccops.backend.services import lockout, sessions
from ccops.backend.utils.redis import wake_relays

log = logging.getLogger("ccops.backend.auth")
_Row = Mapping[str, object]


async def login(given: LoginRequest, *, address: str) -> LoginResponse:
    """Return tokens for the right password; raises INVALID_CREDENTIALS or ACCOUNT_LOCKED.

    `address` is the peer's own, never what a header says.
    """
    async with lockout.reserve(given.site_id, address) as attempt:
        row = await _check(attempt, given)
    await _renew_hash(row, given.password)
    account = Account.model_validate(dict(row))
    pair = await sessions.open_session(account.id, account.rank, access_ttl_s=given.access_ttl_s)
    metrics.auth_login.labels("ok").inc()
    return LoginResponse(**pair.model_dump(), user=account)


async def _check(attempt: lockout.Attempt, given: LoginRequest) -> _Row:
    """Return the account whose password this is, and settle the attempt."""
    _refuse_locked(attempt)
    try:
        row = await _find(given.site_id)
        right = await verify_password(_usable_hash(row), given.password)
    except BaseException:
        await attempt.settle("void")  # our own trouble is not the user's failed attempt
        raise
    if row is None or not right:
        await _count_failure(attempt, row)
        raise ApiError("INVALID_CREDENTIALS")
    await attempt.settle("right")
    return row


def _refuse_locked(attempt: lockout.Attempt) -> None:
    if not attempt.allowed:
        metrics.auth_login.labels("locked").inc()
        raise ApiError(
            "ACCOUNT_LOCKED",
            details={"retry_after_s": attempt.retry_after_s, "scope": attempt.scope},
            headers={"Retry-After": str(attempt.retry_after_s)},
        )


async def _find(site_id: str) -> _Row | None:
    async with db.connection() as conn:
        return await users_repo.get_credentials_or_none(conn, site_id)


def _usable_hash(row: _Row | None) -> str | None:
    return str(row["password_hash"]) if row is not None and row["is_active"] else None


async def _count_failure(attempt: lockout.Attempt, row: _Row | None) -> None:
    account_locked, address_locked = await attempt.settle("wrong")
    metrics.auth_login.labels("bad_password" if _usable_hash(row) else "unknown_user").inc()
    if address_locked:
        metrics.auth_ip_locked.inc()
    if not account_locked:
        return
    metrics.auth_login_locked.inc()
    if row is None:
        return
    try:
        async with db.connection() as conn:
            await repo.tell(conn, cast(int, row["id"]), {"event": "locked"})
    except ApiError as error:  # the lock holds all the same, and the answer stays 401
        log.warning("the lock of user %s was not written to the outbox: %s", row["id"], error.code)
        return
    await wake_relays()


async def _renew_hash(row: _Row, password: str) -> None:
    """Hash with today's parameters: only at a login is the password at hand."""
    stored = str(row["password_hash"])
    if not needs_rehash(stored):
        return
    renewed = await hash_password(password)
    async with db.connection() as conn:
        await repo.replace_hash(conn, cast(int, row["id"]), old=stored, new=renewed)
