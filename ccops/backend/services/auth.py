"""Login: lock first, then the password, then a session."""

from __future__ import annotations

from collections.abc import Mapping

from ccops.backend import metrics
from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import verify_password
from ccops.backend.db import db
from ccops.backend.repositories import users as users_repo
from ccops.backend.schemas.auth import LoginRequest, LoginResponse
from ccops.backend.schemas.users import Account
from ccops.backend.services import lockout, sessions


async def login(given: LoginRequest) -> LoginResponse:
    """Return tokens for the right password; raises INVALID_CREDENTIALS or ACCOUNT_LOCKED."""
    await _reserve(given.site_id)
    row = await _find(given.site_id)
    usable = row is not None and bool(row["is_active"])
    stored = str(row["password_hash"]) if row is not None and usable else None
    if not await verify_password(stored, given.password) or row is None:
        metrics.auth_login.labels("bad_password" if usable else "unknown_user").inc()
        raise ApiError("INVALID_CREDENTIALS")
    await lockout.forget(given.site_id)
    account = Account.model_validate(dict(row))
    pair = await sessions.open_session(account.id, account.rank, access_ttl_s=given.access_ttl_s)
    metrics.auth_login.labels("ok").inc()
    return LoginResponse(**pair.model_dump(), user=account)


async def _reserve(site_id: str) -> None:
    attempt = await lockout.reserve(site_id)
    if attempt.just_locked:
        metrics.auth_login_locked.inc()
    if not attempt.allowed:
        metrics.auth_login.labels("locked").inc()
        raise ApiError(
            "ACCOUNT_LOCKED",
            details={"retry_after_s": attempt.retry_after_s},
            headers={"Retry-After": str(attempt.retry_after_s)},
        )


async def _find(site_id: str) -> Mapping[str, object] | None:
    try:
        async with db.connection() as conn:
            return await users_repo.get_credentials_or_none(conn, site_id)
    except ApiError:
        # Our own trouble is not the user's failed attempt.
        await lockout.give_back(site_id)
        raise
