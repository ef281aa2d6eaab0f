"""Routes of events."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(prefix="/api/events", tags=["events"])
