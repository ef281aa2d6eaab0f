"""What runs beside the routes: the pool, the realtime hub, the mock payment gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

from fastapi import FastAPI

from ccops.backend import faults
from ccops.backend.core.config import settings
from ccops.backend.db import db
from ccops.backend.realtime.hub import hub
from ccops.backend.services import mock_gateway, payments
from ccops.backend.services.metrics_feed import feed
from ccops.backend.services.pipeline_health import last_seen
from ccops.backend.utils.garbage import rarely_collect
from ccops.backend.utils.redis import redis
from ccops.backend.utils.tasks import cancel


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """Open what the routes need; close it in reverse order."""
    if settings.fault:
        faults.plant(settings.fault)
    rarely_collect()
    await db.open()
    hub.start()
    try:
        with feed.running():
            async with _background(*_loops()):
                yield
    finally:
        await feed.close()
        await hub.stop()
        await db.close()
        await redis.aclose()


def _loops() -> list[Coroutine[object, object, None]]:
    loops = [payments.run_reconciler(), last_seen.run()]
    if settings.mock_gateway:
        loops.append(mock_gateway.run())
    return loops


@asynccontextmanager
async def _background(*loops: Coroutine[object, object, None]) -> AsyncIterator[None]:
    tasks = {asyncio.create_task(loop) for loop in loops}
    try:
        yield
    finally:
        await cancel(tasks)
