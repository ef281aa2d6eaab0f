"""The event stream of the global figures: one task a process counts, every client has its own short queue."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from ccops.backend.core.errors import ApiError
from ccops.backend.core.event_stream import event
from ccops.backend.db import db
from ccops.backend.realtime.hub import hub
from ccops.backend.repositories.realtime import closed_sessions
from ccops.backend.services import global_metrics
from ccops.backend.services.global_metrics import Sample
from ccops.backend.utils.redis import METRICS_GLOBAL
from ccops.backend.utils.stopping import stopping
from ccops.backend.utils.tasks import cancel

log = logging.getLogger("ccops.backend.metrics")

CLIENTS = 100
# A little longer than the figures are kept, or every second look would find the old ones.
EVERY_S = METRICS_GLOBAL.ttl_s + 0.05
# Half a minute of samples. Who is further behind does not read: the connection is closed, and the client
# comes back with Last-Event-ID.
QUEUE = 16
_ID = re.compile(r"\d{1,15}-\d{1,10}")
_Queue = asyncio.Queue[Sample | None]


class Feed:
    """The clients of this process. `stop` is set when the process is to end."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self._queues: set[_Queue] = set()
        self._task: asyncio.Task[None] | None = None
        self._last = ""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen for the end of the process while the block runs."""
        with stopping() as self.stop:
            yield

    async def close(self) -> None:
        """End the counting task."""
        if self._task is not None:
            await cancel([self._task])

    def join(self) -> _Queue:
        """Return the queue of one more client. Raises TOO_MANY_STREAMS."""
        if len(self._queues) >= CLIENTS:
            raise ApiError("TOO_MANY_STREAMS", headers={"Retry-After": "10"})
        queue: _Queue = asyncio.Queue(QUEUE)
        self._queues.add(queue)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._count())
        return queue

    def leave(self, queue: _Queue) -> None:
        """Forget a client."""
        self._queues.discard(queue)

    async def of_session(self, family: str, queue: _Queue) -> Callable[[], None]:
        """Tie a client to its session; return what forgets it. Raises UNAUTHORIZED when that is closed.

        The hub tells us of its end before we look ourselves: nothing falls between the two.
        """
        unwatch = hub.watch(family, lambda: self.drop(queue))

        def leave() -> None:
            unwatch()
            self.leave(queue)

        try:
            async with db.connection() as conn:
                if await closed_sessions(conn, [family]):
                    raise ApiError("UNAUTHORIZED", headers={"WWW-Authenticate": "Bearer"})
        except BaseException:
            leave()
            raise
        return leave

    async def events(self, queue: _Queue, last: str | None) -> AsyncGenerator[bytes, None]:
        """Yield what came after `last` and is still kept (or the newest sample), then every new one."""
        seen = (0, 0)
        for sample in await self._kept(last):
            seen = _order(sample.id)
            yield _event(sample)
        while (new := await queue.get()) is not None:
            if _order(new.id) > seen:
                yield _event(new)

    async def _kept(self, last: str | None) -> list[Sample]:
        with contextlib.suppress(RedisError, OSError):
            if last is not None and _ID.fullmatch(last):
                return await global_metrics.since(last)
            return await global_metrics.latest()
        return []

    async def _count(self) -> None:
        """Count, and hand out what any process counted, until nobody listens."""
        while self._queues:
            try:
                await global_metrics.current()
                await self._hand_out()
            except (ApiError, RedisError, OSError) as error:
                log.info("no figures for the event stream: %s", error)
            await asyncio.sleep(EVERY_S)
        self._last = ""

    async def _hand_out(self) -> None:
        new = await (global_metrics.since(self._last) if self._last else global_metrics.latest())
        for sample in new:
            self._last = sample.id
            self._give(sample)

    def _give(self, sample: Sample) -> None:
        for queue in list(self._queues):
            if queue.full():
                self.drop(queue)
            else:
                queue.put_nowait(sample)

    def drop(self, queue: _Queue) -> None:
        """Make this client's stream end at once, whatever waits in its queue."""
        self._queues.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)


feed = Feed()


def _order(identity: str) -> tuple[int, int]:
    moment, _, count = identity.partition("-")
    return int(moment), int(count)


def _event(sample: Sample) -> bytes:
    return event(sample.id, "metrics", sample.body)
