"""Accounts: who somebody is, and whether they are old enough."""

from __future__ import annotations

from datetime import date
from typing import cast

from ccops.backend.core.clock import game_day
from ccops.backend.core.config import settings
from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import Claims, decrypt_pii
from ccops.backend.db import db
from ccops.backend.repositories import users as repo
from ccops.backend.schemas.users import Account, AgeVerification


async def get_account(user: Claims) -> Account:
    """Return the caller's account; a token whose account is gone is no longer valid."""
    async with db.connection() as conn:
        row = await repo.get_account_or_none(conn, user.user_id)
    if row is None:
        raise ApiError("UNAUTHORIZED")
    return Account.model_validate(dict(row))


def age_on(day: date, birth: date) -> int:
    """Return the age in whole years; who was born on 29 February is a year older on 1 March."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


async def verify_age(user: Claims) -> AgeVerification:
    """Record that the caller is old enough for adult features. Doing it again changes nothing."""
    async with db.connection() as conn:
        row = await repo.get_birth_or_none(conn, user.user_id)
        if row is None:
            raise ApiError("UNAUTHORIZED")
        if row["age_verified_at"] is None:
            birth = date.fromisoformat(decrypt_pii(cast(bytes, row["birth_date_enc"])))
            if age_on(game_day(), birth) < settings.minimum_age:
                raise ApiError("AGE_RESTRICTED", details={"minimum_age": settings.minimum_age})
        moment = await repo.set_age_verified(conn, user.user_id)
    return AgeVerification(age_verified=True, age_verified_at=moment)
