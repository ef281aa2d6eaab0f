"""Requests and answers of auth."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, Field

from ccops.backend.schemas.base import RequestModel, StorableStr
from ccops.backend.schemas.users import Account, Nickname

# ASCII only, so that Python's and PostgreSQL's idea of lower case agree: the lockout counts by it.
SiteId = Annotated[str, Field(min_length=3, max_length=64, pattern=r"^[A-Za-z0-9_.@+-]+$")]


class SignupRequest(RequestModel):
    """A new account. Birth date and phone are stored encrypted."""

    invite_code: StorableStr = Field(min_length=1, max_length=64)
    site_id: SiteId
    nickname: Nickname
    password: str = Field(min_length=8, max_length=128)
    birth_date: date
    phone: str | None = Field(None, max_length=20, pattern=r"^\+?[0-9][0-9 -]{4,18}$")


class SignupResponse(BaseModel):
    """The account made; log in to get tokens."""

    user: Account


class LoginRequest(RequestModel):
    """Credentials. A client may ask for an access token that lives shorter than usual, never longer."""

    site_id: SiteId
    password: str = Field(min_length=1, max_length=128)
    access_ttl_s: int | None = Field(None, ge=1, le=86_400)


class TokenPair(BaseModel):
    """An access token and the refresh token that renews it once."""

    access_token: str
    refresh_token: str
    token_type: str = "bearer"  # noqa: S105 - the scheme's name
    expires_in: int
    session_id: str


class LoginResponse(TokenPair):
    """Tokens and whom they belong to."""

    user: Account


class RefreshRequest(RequestModel):
    """The refresh token as it was given; it works once."""

    refresh_token: str = Field(min_length=1, max_length=256)
