"""Routes of auth."""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from ccops.backend import metrics
from ccops.backend.core.deps import CurrentUser
from ccops.backend.core.errors import responses
from ccops.backend.schemas.auth import (
    LoginRequest,
    LoginResponse,
    RefreshRequest,
    SignupRequest,
    SignupResponse,
    TokenPair,
)
from ccops.backend.schemas.users import Account
from ccops.backend.services import auth, sessions, users
from ccops.backend.services import signup as signups

router = APIRouter()
_sessions = APIRouter(prefix="/api/auth", tags=["auth"])


class _Counted(APIRoute):
    """Counts bodies of the wrong shape too: they never reach the service that counts the rest."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[object, object, Response]]:
        handle = super().get_route_handler()

        async def counted(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError:
                metrics.auth_signup.labels("invalid").inc()
                raise

        return counted


# A prefix of its own: the route template is the label of our metrics, and a nested one lacks its parent's.
_signups = APIRouter(prefix="/api/auth", tags=["auth"], route_class=_Counted)

_BODY = ("VALIDATION_ERROR", "BAD_REQUEST", "PAYLOAD_TOO_LARGE")
_SIGNUP = responses(
    "INVITE_INVALID", "INVITE_EXHAUSTED", "AGE_RESTRICTED", "NICKNAME_TAKEN", "SITE_ID_TAKEN", "BUSY", *_BODY
)  # fmt: skip


@_signups.post("/signup", status_code=201, responses=_SIGNUP)
@_signups.post("/register", status_code=201, responses=_SIGNUP, deprecated=True)
async def signup(body: SignupRequest) -> SignupResponse:
    """Create an account with an invite code; log in afterwards."""
    return SignupResponse(user=await signups.signup(body))


@_sessions.post("/login", responses=responses("INVALID_CREDENTIALS", "ACCOUNT_LOCKED", "BUSY", *_BODY))
async def login(body: LoginRequest, request: Request) -> LoginResponse:
    """Exchange credentials for tokens. The sixth attempt after five failures is 429, even if right."""
    return await auth.login(body, address=request.client.host if request.client else "")


@_sessions.post("/refresh", responses=responses("REFRESH_INVALID", "REFRESH_REUSED", "BUSY", *_BODY))
async def refresh(body: RefreshRequest) -> TokenPair:
    """Exchange a refresh token for the next pair; using one twice closes the session."""
    return await sessions.refresh(body.refresh_token)


@_sessions.post("/logout", status_code=204, responses=responses("UNAUTHORIZED", "TOKEN_EXPIRED", "BUSY"))
async def logout(user: CurrentUser) -> None:
    """Close the session of this access token."""
    await sessions.revoke(user.family, reason="logout")


@_sessions.post("/logout-all", status_code=204, responses=responses("UNAUTHORIZED", "TOKEN_EXPIRED", "BUSY"))
async def logout_all(user: CurrentUser) -> None:
    """Close every session of the caller, this one too: refresh tokens and access tokens."""
    await sessions.revoke_all(user.user_id)


@_sessions.get("/me", responses=responses("UNAUTHORIZED", "TOKEN_EXPIRED"))
async def me(user: CurrentUser) -> Account:
    """Return whose token this is."""
    return await users.get_account(user)


router.include_router(_signups)
router.include_router(_sessions)
