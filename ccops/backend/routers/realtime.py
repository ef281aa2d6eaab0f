"""Routes of realtime."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(prefix="/api/realtime", tags=["realtime"])
