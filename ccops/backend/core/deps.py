"""What routes declare: who is calling, and under which idempotency key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ccops.backend.core.context import enter_writer, mark_keyed
from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import Claims, read_access_token
from ccops.backend.db import db
from ccops.backend.repositories.users import is_admin
from ccops.backend.utils.redis import AUTH_REVOKED, best_effort, exists

_bearer = HTTPBearer(auto_error=False, description="Access token of /api/auth/login")


async def _claims(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Claims:
    if given is None:
        raise ApiError("UNAUTHORIZED", headers={"WWW-Authenticate": "Bearer"})
    claims = await authenticated(given.credentials)
    if request.method != "GET":
        enter_writer(claims.user_id)
    return claims


async def authenticated(token: str) -> Claims:
    """Return who an access token stands for; raises TOKEN_EXPIRED or UNAUTHORIZED."""
    claims = read_access_token(token)
    if await is_revoked(claims.family):
        raise ApiError("UNAUTHORIZED", headers={"WWW-Authenticate": "Bearer"})
    return claims


async def is_revoked(family: str) -> bool:
    """Return whether this session was closed: its access tokens end with it."""
    # Losing Redis must not log everybody out: then a revoked session lives until its token expires.
    async with best_effort("revocation check"):
        return await exists(AUTH_REVOKED.pattern.format(family=family))
    return False


CurrentUser = Annotated[Claims, Depends(_claims)]


async def require_admin(user: CurrentUser) -> Claims:
    """Let administrators through; raises RANK_REQUIRED for anybody else."""
    # The rank in the token may be minutes old: who was demoted since is no administrator.
    async with db.connection(in_turn=False) as conn:
        if not await is_admin(conn, user.user_id):
            raise ApiError("RANK_REQUIRED")
    return user


AdminUser = Annotated[Claims, Depends(require_admin)]


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The client's key and the hash of what it asked for. `key` None = the caller gave none."""

    key: str | None

    def hash(self, *parts: object) -> bytes:
        """Return the SHA-256 of the request's meaning: same key + other hash = IDEMPOTENCY_KEY_REUSED."""
        return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).digest()


def keyed(key: Idempotency) -> Idempotency:
    """Return `key`; the running request counts as one that may have a twin."""
    if key.key is not None:
        mark_keyed()
    return key


async def _optional_key(
    key: Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255)] = None,
) -> Idempotency:
    return keyed(Idempotency(key))


async def _required_key(
    key: Annotated[str | None, Header(alias="Idempotency-Key", max_length=255)] = None,
) -> Idempotency:
    if not key:
        raise ApiError("IDEMPOTENCY_KEY_MISSING")
    return keyed(Idempotency(key))


OptionalKey = Annotated[Idempotency, Depends(_optional_key)]
RequiredKey = Annotated[Idempotency, Depends(_required_key)]
