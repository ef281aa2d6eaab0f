"""Use cases of rewards: the log of credits, and grants by administrators."""

from __future__ import annotations

from collections.abc import Mapping

from ccops.backend import metrics
from ccops.backend.core.deps import Idempotency
from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import Claims
from ccops.backend.db import db
from ccops.backend.repositories import rewards as repository
from ccops.backend.schemas.rewards import GrantIn
from ccops.backend.utils.redis import wake_relays


async def list_grants(user_id: int, *, before: int, limit: int) -> list[Mapping[str, object]]:
    """Return the user's credits below `before`, newest first."""
    async with db.connection() as conn:
        return await repository.list_grants(conn, user_id, before=before, limit=limit)


async def grant(admin: Claims, wanted: GrantIn, idempotency: Idempotency) -> tuple[int, bytes, bool]:
    """Grant gold once a reference; returns status, body bytes and whether they are a replay."""
    given = repository.Grant(
        **wanted.model_dump(),
        key=idempotency.key,
        request_hash=idempotency.hash("grant", wanted.model_dump()),
    )
    try:
        async with db.connection() as conn:
            answer = await repository.grant(conn, admin.user_id, given)
    except ApiError as error:
        if error.code == "DUPLICATE_REF":
            metrics.reward_grant.labels("duplicate").inc()
        raise
    if not answer[2]:
        metrics.reward_grant.labels("granted").inc()
        await wake_relays()
    return answer
