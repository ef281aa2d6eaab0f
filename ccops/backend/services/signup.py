"""Signup: invite, age, account. What it refuses is counted by reason."""

from __future__ import annotations

import hashlib
import secrets
from datetime import date
from uuid import uuid4

from ccops.backend import metrics
from ccops.backend.core.clock import game_day
from ccops.backend.core.config import settings
from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import encrypt_pii, hash_password
from ccops.backend.db import Connection, db
from ccops.backend.repositories import auth as repo
from ccops.backend.repositories import users as users_repo
from ccops.backend.schemas.auth import SignupRequest
from ccops.backend.schemas.users import Account
from ccops.backend.services.users import age_on
from ccops.backend.utils.redis import wake_relays

# Below this a guardian would have to consent, which this service has no way to record.
SIGNUP_AGE = 14
_OLDEST = date(1900, 1, 1)
_RESULTS = {
    "INVITE_INVALID": "invite_rejected",
    "INVITE_EXHAUSTED": "invite_rejected",
    "NICKNAME_TAKEN": "conflict",
    "SITE_ID_TAKEN": "conflict",
    "AGE_RESTRICTED": "invalid",
    "VALIDATION_ERROR": "invalid",
}


async def signup(given: SignupRequest) -> Account:
    """Create the account that `given` describes."""
    try:
        account = await _signup(given)
    except ApiError as error:
        metrics.auth_signup.labels(_RESULTS.get(error.code, "error")).inc()
        raise
    except Exception:
        metrics.auth_signup.labels("error").inc()
        raise
    metrics.auth_signup.labels("ok").inc()
    await wake_relays()
    return account


async def _signup(given: SignupRequest) -> Account:
    _check_age(given.birth_date)
    async with db.connection() as conn:
        kind = await _check_invite(conn, given.invite_code)
    # Hashing takes tens of milliseconds: no connection is held meanwhile, and a bad invite costs none of it.
    new = _new_account(given, await hash_password(given.password))
    try:
        async with db.connection() as conn:
            user_id = await repo.create_account(conn, new)
            row = await users_repo.get_account_or_none(conn, user_id)
    except ApiError as error:
        if error.code == "INVITE_EXHAUSTED":  # somebody took the last use since the check
            metrics.auth_invite.labels("exhausted", kind).inc()
        raise
    metrics.auth_invite.labels("accepted", kind).inc()
    assert row is not None
    return Account.model_validate(dict(row))


def _check_age(birth: date) -> None:
    today = game_day()
    if not _OLDEST <= birth <= today:
        detail = {
            "loc": ["body", "birth_date"],
            "msg": "must be between 1900 and today",
            "type": "date_range",
        }
        raise ApiError("VALIDATION_ERROR", details=[detail])
    if age_on(today, birth) < SIGNUP_AGE:
        raise ApiError("AGE_RESTRICTED", details={"minimum_age": SIGNUP_AGE})


async def _check_invite(conn: Connection, code: str) -> str:
    """Return the kind of a usable code; count and refuse any other."""
    row = await repo.find_invite(conn, code)
    if row is None:
        metrics.auth_invite.labels("unknown", "none").inc()
        raise ApiError("INVITE_INVALID")
    kind = "unlimited" if row["unlimited"] else "single"
    if row["expired"]:
        metrics.auth_invite.labels("expired", kind).inc()
        raise ApiError("INVITE_INVALID")
    if row["exhausted"]:
        metrics.auth_invite.labels("exhausted", kind).inc()
        raise ApiError("INVITE_EXHAUSTED")
    return kind


def _new_account(given: SignupRequest, password_hash: str) -> repo.NewAccount:
    # The seed of the games: committed to by its hash before the first round, stored encrypted as hex.
    seed = secrets.token_bytes(32)
    return repo.NewAccount(
        public_id=str(uuid4()),
        site_id=given.site_id,
        nickname=given.nickname,
        password_hash=password_hash,
        birth_date_enc=encrypt_pii(given.birth_date.isoformat()),
        phone_enc=encrypt_pii(given.phone) if given.phone else None,
        invite_code=given.invite_code,
        gold=settings.signup_gold,
        server_seed_enc=encrypt_pii(seed.hex()),
        server_seed_hash=hashlib.sha256(seed).hexdigest(),
        client_seed=secrets.token_hex(8),
    )
