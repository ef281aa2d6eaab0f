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
from ccops.backend.schemas.users import Account, AgeVerification, Balance, Erasure, LedgerPage
from ccops.backend.services import sessions
from ccops.backend.utils.redis import wake_relays


async def get_account(user: Claims) -> Account:
    """Return the caller's account; a token whose account is gone is no longer valid."""
    async with db.connection() as conn:
        row = await repo.get_account_or_none(conn, user.user_id)
    if row is None:
        raise ApiError("UNAUTHORIZED")
    return Account.model_validate(dict(row))


async def change(user: Claims, *, nickname: str) -> Account:
    """Change what the caller may change; raises NICKNAME_TAKEN."""
    async with db.connection() as conn:
        changed = await repo.set_nickname(conn, user.user_id, nickname)
    if not changed:
        raise ApiError("UNAUTHORIZED")
    return await get_account(user)


async def get_balance(caller: Claims, user_id: int) -> Balance:
    """Return somebody's gold; only they themselves and administrators may look."""
    async with db.connection() as conn:
        # Who may not look does not learn which ids exist.
        if caller.user_id != user_id and not await repo.is_admin(conn, caller.user_id):
            raise ApiError("FORBIDDEN")
        row = await repo.get_balance_or_none(conn, user_id)
    if row is None:
        raise ApiError("UNAUTHORIZED" if caller.user_id == user_id else "NOT_FOUND")
    return Balance.model_validate(dict(row))


async def list_ledger(user: Claims, *, cursor: int, limit: int) -> LedgerPage:
    """Return the caller's movements of gold below seq `cursor`. Rows never change, so pages never shift."""
    async with db.connection() as conn:
        rows = await repo.list_ledger(conn, user.user_id, before=cursor, limit=limit + 1)
    items = [dict(row) for row in rows[:limit]]
    more = items[-1]["seq"] if len(rows) > limit else None
    return LedgerPage.model_validate({"items": items, "next_cursor": more})


async def erase(user: Claims) -> Erasure:
    """Erase the caller's personal data and close the account; the ledger stays, pseudonymous."""
    async with db.connection() as conn:
        moment, families = await repo.erase(conn, user.user_id)
    await sessions.forget([*families, user.family], reason="erased")
    await wake_relays()
    return Erasure(erased=True, erased_at=moment)


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
            if row["birth_date_enc"] is None:  # erased, or an administrator that the settings made
                raise ApiError("AGE_RESTRICTED", details={"minimum_age": settings.minimum_age})
            birth = date.fromisoformat(decrypt_pii(cast(bytes, row["birth_date_enc"])))
            if age_on(game_day(), birth) < settings.minimum_age:
                raise ApiError("AGE_RESTRICTED", details={"minimum_age": settings.minimum_age})
        moment = await repo.set_age_verified_or_none(conn, user.user_id)
    if moment is None:  # closed since the birth date was read
        raise ApiError("UNAUTHORIZED")
    return AgeVerification(age_verified=True, age_verified_at=moment)
