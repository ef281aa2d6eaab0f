"""What runs beside the routes: the pool, the realtime hub, the mock payment gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from ccops.backend.db import db
from ccops.backend.utils.redis import redis


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """Open what the routes need; close it in reverse order."""
    await db.open()
    try:
        yield
    finally:
        await db.close()
        await redis.aclose()
