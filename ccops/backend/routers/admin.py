"""Routes of administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from starlette.responses import Response

from ccops.backend.core.config import settings
from ccops.backend.core.deps import AdminUser, RequiredKey
from ccops.backend.core.errors import responses
from ccops.backend.core.responses import stored
from ccops.backend.schemas.admin import (
    AuditPage,
    GoldAdjust,
    GoldAdjusted,
    Invite,
    NewInvite,
    NewPromo,
    Promo,
    RankChange,
    RankChanged,
    RunningSettings,
    UserPage,
)
from ccops.backend.schemas.base import StorableStr
from ccops.backend.services import admin

router = APIRouter(prefix="/api/admin", tags=["admin"])

_WHO = ("UNAUTHORIZED", "TOKEN_EXPIRED", "RANK_REQUIRED", "VALIDATION_ERROR")
_BODY = (*_WHO, "BAD_REQUEST", "PAYLOAD_TOO_LARGE")
_LAST = 2**63 - 1

UserId = Annotated[int, Path(ge=1, le=_LAST)]
Cursor = Annotated[int, Query(ge=1, le=_LAST, description="`next_cursor` of the page before")]
Limit = Annotated[int, Query(ge=1, le=100)]
Filter = Annotated[StorableStr, Query(max_length=100)]
Version = Annotated[
    str | None,
    Header(alias="If-Match", pattern=r'^"?[0-9]{1,18}"?$', description="The wallet version you have seen"),
]


@router.get("/users", responses=responses(*_WHO))
async def list_users(
    _: AdminUser, search: Filter = "", cursor: Cursor = _LAST, limit: Limit = 20
) -> UserPage:
    """Return accounts, newest first; `search` is an id, or how a site id or nickname begins."""
    return await admin.list_users(search=search, cursor=cursor, limit=limit)


@router.patch("/users/{user_id}/rank", responses=responses(*_BODY, "NOT_FOUND", "BUSY"))
async def set_rank(body: RankChange, actor: AdminUser, user_id: UserId) -> RankChanged:
    """Give an account another rank."""
    return await admin.set_rank(actor, user_id, body)


_ADJUST = responses(
    *_BODY, "IDEMPOTENCY_KEY_MISSING", "INSUFFICIENT_GOLD", "NOT_FOUND", "IDEMPOTENCY_KEY_REUSED",
    "IDEMPOTENCY_IN_PROGRESS", "VERSION_MISMATCH", "AMOUNT_OUT_OF_RANGE",
)  # fmt: skip


@router.post("/users/{user_id}/gold-adjust", responses={200: {"model": GoldAdjusted}, **_ADJUST})
async def adjust(
    body: GoldAdjust, actor: AdminUser, user_id: UserId, key: RequiredKey, if_match: Version = None
) -> Response:
    """Add or take gold; with If-Match only if the wallet did not move since you looked."""
    version = None if if_match is None else int(if_match.strip('"'))
    status, answer, replayed = await admin.adjust(actor, user_id, body, version=version, idempotency=key)
    return stored(status, answer, replayed=replayed)


@router.post("/invites", status_code=201, responses=responses(*_BODY, "CODE_TAKEN", "BUSY"))
async def create_invite(body: NewInvite, actor: AdminUser) -> Invite:
    """Create an invite code."""
    return await admin.create_invite(actor, body)


@router.post("/promos", status_code=201, responses=responses(*_BODY, "CODE_TAKEN", "BUSY"))
async def create_promo(body: NewPromo, actor: AdminUser) -> Promo:
    """Create a promo code."""
    return await admin.create_promo(actor, body)


@router.get("/settings", responses=responses("UNAUTHORIZED", "TOKEN_EXPIRED", "RANK_REQUIRED"))
async def get_settings(_: AdminUser) -> RunningSettings:
    """Return the settings that the process which answers runs with; secrets are not among them."""
    return RunningSettings(settings=settings.public())


@router.get("/audit", responses=responses(*_WHO))
async def list_audit(
    _: AdminUser, action: Filter = "", target: Filter = "", cursor: Cursor = _LAST, limit: Limit = 20
) -> AuditPage:
    """Return what administrators did, newest first; filter by `set_rank` or `user:7`."""
    return await admin.list_audit(action=action, target=target, cursor=cursor, limit=limit)
