"""Routes of rewards."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from ccops.backend.core.deps import CurrentUser
from ccops.backend.core.errors import responses
from ccops.backend.schemas.rewards import RewardHistory
from ccops.backend.services import rewards as service

router = APIRouter(prefix="/api/rewards", tags=["rewards"])


@router.get("/history", responses=responses("UNAUTHORIZED", "TOKEN_EXPIRED", "VALIDATION_ERROR"))
async def history(
    user: CurrentUser,
    before: Annotated[int, Query(ge=1, le=2**63 - 1)] = 2**63 - 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> RewardHistory:
    """Return what the house granted to the caller, newest first; `before` is a ledger seq."""
    rows = await service.list_grants(user.user_id, before=before, limit=limit)
    last = rows[-1]["ledger_seq"] if len(rows) == limit else None
    return RewardHistory.model_validate({"items": [dict(row) for row in rows], "next_before": last})
