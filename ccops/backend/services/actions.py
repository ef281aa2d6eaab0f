"""Use cases of user actions."""

from __future__ import annotations

from collections.abc import Mapping

from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import Claims
from ccops.backend.db import db
from ccops.backend.repositories import actions as repository
from ccops.backend.repositories.users import is_admin
from ccops.backend.schemas.actions import ActionIn
from ccops.backend.utils.redis import wake_relays


async def record(user_id: int, action: ActionIn) -> Mapping[str, object]:
    """Record `action` once; a repeat of its event id answers the first one with duplicate=true."""
    async with db.connection() as conn:
        row = await repository.record(
            conn,
            user_id,
            event_id=action.event_id,
            action_type=action.action_type,
            context=action.context,
            client_ts=action.client_ts,
        )
    if not row["duplicate"]:
        await wake_relays()
    return row


async def list_recent(caller: Claims, user_id: int, *, limit: int) -> list[Mapping[str, object]]:
    """Return the newest actions of `user_id`; only the user and an ADMIN may look."""
    async with db.connection() as conn:
        if caller.user_id != user_id and not await is_admin(conn, caller.user_id):
            raise ApiError("FORBIDDEN")
        return await repository.list_recent(conn, user_id, limit=limit)
