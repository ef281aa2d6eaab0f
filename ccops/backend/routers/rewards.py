"""Routes of rewards."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(prefix="/api/rewards", tags=["rewards"])
