"""Routes of users."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from ccops.backend.core.deps import CurrentUser
from ccops.backend.core.errors import responses
from ccops.backend.schemas.users import Account, AgeVerification, Balance, Erasure, LedgerPage, ProfileChange
from ccops.backend.services import users

router = APIRouter(prefix="/api/users", tags=["users"])

_WHO = ("UNAUTHORIZED", "TOKEN_EXPIRED")
_TOKEN = responses(*_WHO)
_BODY = ("VALIDATION_ERROR", "BAD_REQUEST", "PAYLOAD_TOO_LARGE")


@router.get("/me", responses=_TOKEN)
@router.get("/profile", responses=_TOKEN, deprecated=True)
async def me(user: CurrentUser) -> Account:
    """Return the caller's account, gold and progress."""
    return await users.get_account(user)


@router.patch("/me", responses=responses(*_WHO, "NICKNAME_TAKEN", "BUSY", *_BODY))
async def change(body: ProfileChange, user: CurrentUser) -> Account:
    """Change the caller's nickname."""
    return await users.change(user, nickname=body.nickname)


@router.delete("/me", status_code=202, responses=responses(*_WHO, "BUSY"))
async def erase(user: CurrentUser) -> Erasure:
    """Erase the caller's personal data and close the account for good; the ledger stays, pseudonymous."""
    return await users.erase(user)


@router.get("/me/ledger", responses=responses(*_WHO, "VALIDATION_ERROR"))
async def ledger(
    user: CurrentUser,
    cursor: Annotated[int, Query(ge=1, le=2**63 - 1, description="`next_cursor` of the page before")] = 2**63
    - 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> LedgerPage:
    """Return the caller's movements of gold, newest first."""
    return await users.list_ledger(user, cursor=cursor, limit=limit)


@router.get("/{user_id}/balance", responses=responses(*_WHO, "FORBIDDEN", "NOT_FOUND", "VALIDATION_ERROR"))
async def balance(user: CurrentUser, user_id: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> Balance:
    """Return the gold of an account: your own, or anybody's for an administrator."""
    return await users.get_balance(user, user_id)


@router.post("/me/age-verification", responses=responses(*_WHO, "AGE_RESTRICTED", "BUSY"))
async def verify_age(user: CurrentUser) -> AgeVerification:
    """Open adult features to who is old enough; doing it again changes nothing."""
    return await users.verify_age(user)
