"""Outbox to sockets: every frame is numbered, stored for backfill and published, in outbox order per user.

What the throttle leaves out is marked like what was sent, and counted.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import orjson
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

from ccops.backend import metrics
from ccops.backend.core.clock import iso
from ccops.backend.db import Connection
from ccops.backend.realtime.scripts import PUBLISH, guard_key, meta_key, stream_key
from ccops.backend.relays.throttle import MONEY, Sorted, Throttle
from ccops.backend.repositories import outbox
from ccops.backend.repositories.outbox import OutboxRow
from ccops.backend.utils.pubsub import Wake
from ccops.backend.utils.redis import RT_CHANNEL, RT_GUARD, WAKE_CHANNEL, redis

_BATCH = 200


async def run(conn: Connection, beat: Callable[[], None]) -> None:
    """Push until cancelled; while Redis is down the rows wait and the role starts over."""
    script, throttle = redis.register_script(PUBLISH), Throttle()
    async with Wake(WAKE_CHANNEL) as wake:
        while True:
            rows = await _pending(conn, throttle)
            if rows:
                await send(conn, throttle.sort(rows), script.sha)
            else:
                await redis.ping()
            beat()
            await wake.after(len(rows), full=len(rows) == _BATCH)


async def _pending(conn: Connection, throttle: Throttle) -> list[OutboxRow]:
    if waiting := throttle.waiting():
        throttle.release(await outbox.waiting_for(conn, users=waiting, types=MONEY))
    return await outbox.realtime_pending(conn, limit=_BATCH, without=throttle.waiting())


async def send(conn: Connection, batch: Sorted, sha: str) -> None:
    """Publish what is to be sent and mark the whole batch."""
    await push(batch, sha)
    await outbox.mark_pushed(conn, [row.id for row in (*batch.superseded, *batch.send)])
    for row in batch.superseded:
        metrics.realtime_throttled.labels(row.type).inc()


async def push(batch: Sorted, sha: str) -> None:
    """Publish the rows in one pipeline; raise the first refusal.

    Superseded rows get their guard first. A pipeline that a frozen Redis answers long after we gave up on it
    may still hold them: without the guard it would send an old state after the newer one.
    """
    async with redis.pipeline(transaction=False) as pipe:
        # A restarted Redis knows no script; loading it in front of every batch leaves no window for NOSCRIPT.
        pipe.script_load(PUBLISH)
        for row in batch.superseded:
            pipe.set(guard_key(row.user_id, row.event_id), "1", ex=RT_GUARD.ttl_s, nx=True)
        before: dict[int, OutboxRow] = {}
        for row in batch.send:
            publish(pipe, row, sha, before.get(row.user_id))
            before[row.user_id] = row
        answers = await pipe.execute(raise_on_error=False)
    refused = next((answer for answer in answers if isinstance(answer, Exception)), None)
    if refused is not None:
        raise refused if isinstance(refused, RedisError) else RedisError(str(refused))


def publish(pipe: Pipeline, row: OutboxRow, sha: str, before: OutboxRow | None = None) -> None:
    """Queue the one call that makes a frame of `row`; it is refused unless `before` was published."""
    rows = [row] if before is None else [row, before]
    guard, *earlier = [guard_key(one.user_id, one.event_id) for one in rows]
    keys = (guard, meta_key(row.user_id), stream_key(row.user_id), *earlier)
    pipe.evalsha(sha, len(keys), *keys, secrets.token_hex(8), frame_head(row), RT_CHANNEL)


def frame_head(row: OutboxRow) -> str:
    """Return the frame without its end: Lua appends `seq`, `epoch` and the brace."""
    known = orjson.dumps({"type": row.type, "user_id": row.user_id}).decode()[:-1]
    ids = orjson.dumps(
        {"timestamp": iso(row.created_at), "event_id": row.event_id, "trace_id": row.trace_id}
    ).decode()[1:-1]
    return f'{known},"data":{row.data},{ids}'
