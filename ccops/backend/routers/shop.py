"""Routes of shop."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(prefix="/api/shop", tags=["shop"])
