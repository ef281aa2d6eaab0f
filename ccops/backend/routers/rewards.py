"""Routes of rewards."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from ccops.backend.core.deps import AdminUser, CurrentUser, OptionalKey
from ccops.backend.core.errors import responses
from ccops.backend.core.responses import stored
from ccops.backend.schemas.rewards import Granted, GrantIn, RewardHistory
from ccops.backend.services import rewards as service

router = APIRouter(prefix="/api/rewards", tags=["rewards"])

_GRANT = responses(
    "UNAUTHORIZED", "TOKEN_EXPIRED", "RANK_REQUIRED", "NOT_FOUND", "DUPLICATE_REF", "AMOUNT_OUT_OF_RANGE",
    "VALIDATION_ERROR", "BAD_REQUEST", "PAYLOAD_TOO_LARGE", "IDEMPOTENCY_KEY_REUSED",
    "IDEMPOTENCY_IN_PROGRESS", "BUSY",
)  # fmt: skip


@router.get("/history", responses=responses("UNAUTHORIZED", "TOKEN_EXPIRED", "VALIDATION_ERROR"))
async def history(
    user: CurrentUser,
    before: Annotated[int, Query(ge=1, le=2**63 - 1)] = 2**63 - 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> RewardHistory:
    """Return every credit of the caller, newest first; `before` is a ledger seq."""
    rows = await service.list_grants(user.user_id, before=before, limit=limit)
    last = rows[-1]["ledger_seq"] if len(rows) == limit else None
    return RewardHistory.model_validate({"items": [dict(row) for row in rows], "next_before": last})


@router.post("/grant", status_code=201, response_model=Granted, responses=_GRANT)
async def grant(body: GrantIn, admin: AdminUser, key: OptionalKey) -> Response:
    """Grant gold to a user, once a reference; leaves an audit row."""
    status, answer, replayed = await service.grant(admin, body, key)
    return stored(status, answer, replayed=replayed)
