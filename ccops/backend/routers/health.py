"""Liveness, readiness and metrics."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from redis.exceptions import RedisError
from starlette.responses import Response

from ccops.backend import metrics as measured
from ccops.backend.core.errors import ApiError
from ccops.backend.core.responses import JSON
from ccops.backend.db import db
from ccops.backend.schemas.pipeline import Readiness
from ccops.backend.services.pipeline_health import last_seen
from ccops.backend.utils.redis import redis

router = APIRouter(tags=["health"])


@router.get("/health")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get(
    "/health/ready",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "A required store does not answer"}},
)
async def ready() -> JSON:
    """PostgreSQL and Redis answer: without either nothing works here. Without the rest events wait."""
    names = ("postgres", "redis")
    answers = await asyncio.gather(_postgres(), _redis())
    stores = dict(zip(names, answers, strict=True))
    pipeline = dict(last_seen.parts)
    away = [name for name, state in pipeline.items() if state != "ok"]
    good = all(state == "ok" for state in answers)
    status = "unavailable" if not good else "degraded" if away else "ok"
    body = {"status": status, "stores": stores, "pipeline": pipeline, "degraded": away}
    return JSON(body, 200 if good else 503)


@router.get("/metrics", include_in_schema=False)
async def metrics() -> Response:
    """Prometheus text; of several processes behind one port any answers for all."""
    return Response(measured.exposition(), media_type=CONTENT_TYPE_LATEST)


async def _postgres() -> str:
    try:
        async with asyncio.timeout(2), db.connection() as conn:
            await conn.fetchval("SELECT 1")
    except (ApiError, TimeoutError, OSError) as error:
        return type(error).__name__
    return "ok"


async def _redis() -> str:
    try:
        async with asyncio.timeout(2):
            await redis.ping()
    except (RedisError, TimeoutError, OSError) as error:
        return type(error).__name__
    return "ok"
