"""Routes of streak."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(prefix="/api/streak", tags=["streak"])
