"""Routes of payments."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(prefix="/api/payments", tags=["payments"])
