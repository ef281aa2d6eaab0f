"""Use cases of rewards."""

from __future__ import annotations

from collections.abc import Mapping

from ccops.backend.db import db
from ccops.backend.repositories import rewards as repository


async def list_grants(user_id: int, *, before: int, limit: int) -> list[Mapping[str, object]]:
    """Return the user's grants below `before`, newest first."""
    async with db.connection() as conn:
        return await repository.list_grants(conn, user_id, before=before, limit=limit)
