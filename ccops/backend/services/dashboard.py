"""The dashboard: one snapshot, and a tag so that an unchanged one is not sent again."""

from __future__ import annotations

import hashlib

import orjson

from ccops.backend import rules
from ccops.backend.core.clock import day_before, game_day
from ccops.backend.core.errors import ApiError
from ccops.backend.db import db
from ccops.backend.repositories import dashboard as repo


async def snapshot(user_id: int) -> dict[str, object]:
    """Return the user's state as the dashboard and a fresh socket show it."""
    today = game_day()
    async with db.connection() as conn:
        found = await repo.snapshot_or_none(
            conn, user_id, today=today, before=day_before(today), streaks=list(rules.rewards().streak)
        )
    if found is None:
        raise ApiError("UNAUTHORIZED")
    return found


async def tagged(user_id: int) -> tuple[bytes, str]:
    """Return the snapshot's bytes and their strong ETag."""
    body = orjson.dumps(await snapshot(user_id))
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def unchanged(if_none_match: str | None, tag: str) -> bool:
    """Return whether the client holds `tag` already (RFC 9110: weak comparison, `*` matches)."""
    held = [part.strip().removeprefix("W/") for part in (if_none_match or "").split(",")]
    return tag in held or "*" in held
