"""Routes of users."""

from __future__ import annotations

from fastapi import APIRouter

from ccops.backend.core.deps import CurrentUser
from ccops.backend.core.errors import responses
from ccops.backend.schemas.users import Account, AgeVerification
from ccops.backend.services import users

router = APIRouter(prefix="/api/users", tags=["users"])

_TOKEN = responses("UNAUTHORIZED", "TOKEN_EXPIRED")


@router.get("/me", responses=_TOKEN)
@router.get("/profile", responses=_TOKEN, deprecated=True)
async def me(user: CurrentUser) -> Account:
    """Return the caller's account, gold and progress."""
    return await users.get_account(user)


@router.post("/me/age-verification", responses=responses("UNAUTHORIZED", "TOKEN_EXPIRED", "AGE_RESTRICTED"))
async def verify_age(user: CurrentUser) -> AgeVerification:
    """Open adult features to who is old enough; doing it again changes nothing."""
    return await users.verify_age(user)
