"""What administrators read and write; every write leaves one row in the audit chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ccops.backend.core.deps import Idempotency
from ccops.backend.core.security import Claims
from ccops.backend.db import db
from ccops.backend.repositories import admin as repo
from ccops.backend.schemas.admin import (
    AuditPage,
    GoldAdjust,
    Invite,
    NewInvite,
    NewPromo,
    Promo,
    RankChange,
    RankChanged,
    UserPage,
)
from ccops.backend.utils.redis import wake_relays

_Rows = Sequence[Mapping[str, object]]


async def list_users(*, search: str, cursor: int, limit: int) -> UserPage:
    """Return accounts, newest first."""
    async with db.connection() as conn:
        rows = await repo.list_users(conn, search=search, before=cursor, limit=limit + 1)
    return UserPage.model_validate(_page(rows, limit))


async def list_audit(*, action: str, target: str, cursor: int, limit: int) -> AuditPage:
    """Return audit rows, newest first."""
    async with db.connection() as conn:
        rows = await repo.list_audit(conn, action=action, target=target, before=cursor, limit=limit + 1)
    return AuditPage.model_validate(_page(rows, limit))


def _page(rows: _Rows, limit: int) -> dict[str, object]:
    items = [dict(row) for row in rows[:limit]]
    return {"items": items, "next_cursor": items[-1]["id"] if len(rows) > limit else None}


async def set_rank(actor: Claims, user_id: int, given: RankChange) -> RankChanged:
    """Give an account another rank. It holds at once for every check; tokens show it after a refresh."""
    async with db.connection() as conn:
        previous, changed = await repo.set_rank(
            conn, actor.user_id, user_id, given.rank, reason=given.reason, action="set_rank"
        )
    await wake_relays()
    return RankChanged.model_validate(
        {"user_id": user_id, "rank": given.rank, "previous_rank": previous, "changed": changed}
    )


async def adjust(
    actor: Claims, user_id: int, given: GoldAdjust, *, version: int | None, idempotency: Idempotency
) -> tuple[int, bytes, bool]:
    """Correct a balance; raises VERSION_MISMATCH, INSUFFICIENT_GOLD, NOT_FOUND."""
    adjustment = repo.Adjustment(
        user_id=user_id,
        delta=given.delta,
        reason=given.reason,
        version=version,
        key=idempotency.key,
        request_hash=idempotency.hash(user_id, given.delta, given.reason, version),
    )
    async with db.connection() as conn:
        answer = await repo.adjust(conn, actor.user_id, adjustment)
    await wake_relays()
    return answer


async def create_invite(actor: Claims, given: NewInvite) -> Invite:
    """Create an invite code."""
    async with db.connection() as conn:
        await repo.create_invite(
            conn, actor.user_id, given.code, max_uses=given.max_uses, expires_at=given.expires_at
        )
    return Invite(code=given.code, max_uses=given.max_uses, expires_at=given.expires_at)


async def create_promo(actor: Claims, given: NewPromo) -> Promo:
    """Create a promo code."""
    async with db.connection() as conn:
        starts_at = await repo.create_promo(
            conn,
            actor.user_id,
            given.code,
            gold=given.gold,
            max_uses=given.max_uses,
            starts_at=given.starts_at,
            expires_at=given.expires_at,
        )
    return Promo(**given.model_dump() | {"starts_at": starts_at})
