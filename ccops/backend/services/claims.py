"""Who of several backend processes does a piece of background work.

The work is idempotent, so this is no lock: it keeps two processes from doing the same at the same moment,
which would show as duplicates in the metrics. Without Redis, and in a single process, everybody may.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ccops.backend.core.config import settings
from ccops.backend.utils.redis import LOOP_CLAIM, best_effort, redis


@asynccontextmanager
async def claimed(job: str) -> AsyncIterator[bool]:
    """Yield whether this process is to do `job`; given back when it fails, kept for a while when it is done.

    A process that dies holding it delays the job by the key's time to live.
    """
    # A provider names its events as it likes: long, and with the colons that separate our own keys.
    key = LOOP_CLAIM.pattern.format(job=hashlib.sha256(job.encode()).hexdigest()[:32])
    mine = not settings.process_number or await _take(key)
    try:
        yield mine
    except BaseException:
        if mine and settings.process_number:
            async with best_effort("claim of background work"):
                await redis.delete(key)
        raise


async def _take(key: str) -> bool:
    async with best_effort("claim of background work"):
        return bool(await redis.set(key, settings.process_number, ex=LOOP_CLAIM.ttl_s, nx=True))
    return True
