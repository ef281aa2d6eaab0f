"""Sessions: a family of refresh tokens, the session's hash in Redis, and its revocation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import NoReturn, cast
from uuid import uuid4

from ccops.backend import metrics
from ccops.backend.core.config import settings
from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import issue_access_token, new_refresh_token, token_hash
from ccops.backend.db import Connection, db
from ccops.backend.repositories import auth as repo
from ccops.backend.schemas.auth import TokenPair
from ccops.backend.utils.redis import AUTH_REVOKED, RT_CHANNEL, SESSION, best_effort, redis, wake_relays


async def open_session(user_id: int, rank: str, *, access_ttl_s: int | None = None) -> TokenPair:
    """Start a session: the first refresh token of a new family."""
    family, token = str(uuid4()), new_refresh_token()
    async with db.connection() as conn:
        opened = await repo.open_session(
            conn,
            user_id,
            token_id=str(uuid4()),
            family=family,
            token_hash=token_hash(token),
            ttl_s=settings.refresh_ttl_s,
        )
    if not opened:  # closed since its password was seen
        raise ApiError("INVALID_CREDENTIALS")
    return await _pair(user_id, rank, family, token, access_ttl_s)


async def refresh(token: str) -> TokenPair:
    """Exchange a refresh token for the next pair; a token used twice closes its session."""
    child = new_refresh_token()
    async with db.connection() as conn:  # autocommit: the revocation below must outlive the 401
        row = await repo.rotate(
            conn,
            token_hash(token),
            child_id=str(uuid4()),
            child_hash=token_hash(child),
            ttl_s=settings.refresh_ttl_s,
        )
        if row is None:
            await _refuse(conn, token)
    metrics.auth_refresh.labels("rotated").inc()
    return await _pair(cast(int, row["user_id"]), str(row["rank"]), str(row["family_id"]), child)


async def revoke(family: str, *, reason: str) -> None:
    """End a session: its refresh tokens and, while Redis is there, its access tokens."""
    async with db.connection() as conn:
        await repo.revoke_family(conn, family, reason=reason)
    await forget([family], reason=reason)


async def revoke_all(user_id: int) -> None:
    """End every session of a user."""
    async with db.connection() as conn:
        families = await repo.logout_all(conn, user_id)
    await forget(families, reason="logout_all")
    await wake_relays()


async def forget(families: Iterable[str], *, reason: str) -> None:
    """End the access tokens of closed families, while Redis is there to remember it, and their sockets."""
    closed = list(families)
    async with best_effort("revocation marker"):
        pipe = redis.pipeline(transaction=True)
        for family in closed:
            pipe.set(AUTH_REVOKED.pattern.format(family=family), reason, ex=settings.access_ttl_s)
            pipe.delete(SESSION.pattern.format(session_id=family))
        # Sockets of any process; a process that does not hear this finds out from PostgreSQL.
        pipe.publish(
            RT_CHANNEL, json.dumps({"control": "revoked", "families": closed}, separators=(",", ":"))
        )
        await pipe.execute()


async def _refuse(conn: Connection, token: str) -> NoReturn:
    state = await repo.token_state(conn, token_hash(token), leeway_s=settings.refresh_leeway_s)
    outcome = _outcome(state)
    metrics.auth_refresh.labels(outcome).inc()
    if state is not None and outcome == "reused":
        family = str(state["family_id"])
        await repo.close_reused(conn, cast(int, state["user_id"]), family)
        await forget([family], reason="reused")
        await wake_relays()
        raise ApiError("REFRESH_REUSED")
    raise ApiError("REFRESH_INVALID")


def _outcome(state: Mapping[str, object] | None) -> str:
    if state is None:
        return "invalid"
    if state["rotated"]:
        # A client whose answer was lost retries at once; a thief comes later.
        return "invalid" if state["fresh"] else "reused"
    return "expired" if state["expired"] else "invalid"


async def _pair(
    user_id: int, rank: str, family: str, token: str, access_ttl_s: int | None = None
) -> TokenPair:
    ttl_s = min(access_ttl_s or settings.access_ttl_s, settings.access_ttl_s)
    async with best_effort("session hash"):
        name = SESSION.pattern.format(session_id=family)
        pipe = redis.pipeline(transaction=True)
        pipe.hset(name, mapping={"uid": user_id, "rank": rank, "family": family})
        pipe.expire(name, SESSION.ttl_s)
        await pipe.execute()
    return TokenPair(
        access_token=issue_access_token(user_id, rank, family, ttl_s=ttl_s),
        refresh_token=token,
        expires_in=ttl_s,
        session_id=family,
    )
