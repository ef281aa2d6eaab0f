"""Redis channels: one subscription that says when it (re)started, and the relays' wake-up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from ccops.backend.utils.redis import client

log = logging.getLogger("ccops.backend.pubsub")
SUBSCRIBED = None
_RETRY_S = 0.2
# A connection may die without a word (a lost route, a frozen server). Who hears nothing for so long asks, and
# who hears nothing then either counts as gone.
_ASK_AFTER_S, _ANSWER_S = 5.0, 5.0
# So many rows at once mean load. Then a batch every few hundredths of a second costs everybody a fraction of
# what hundreds of tiny ones cost, and its rows are still far below what a person notices.
_BUSY_ROWS, _GATHER_S = 8, 0.03
# Hundreds of purchases a second: what a batch costs besides its rows is taken from them.
_HEAVY_ROWS, _HEAVY_S = 24, 0.1


async def messages(channel: str) -> AsyncIterator[str | None]:
    """Yield SUBSCRIBED once the subscription stands, then every message; raise RedisError when it breaks.

    It never reconnects by itself: what was published while nobody listened is lost, so the caller must know.
    """
    connection = client()
    connection.connection_pool.connection_kwargs["retry"] = Retry(NoBackoff(), 0)
    pubsub = connection.pubsub()
    try:
        await pubsub.subscribe(channel)
        loop, until = asyncio.get_running_loop(), None
        while True:
            message = await pubsub.get_message(timeout=_ASK_AFTER_S if until is None else _ANSWER_S)
            if message is None:
                if until is None:
                    await pubsub.ping()
                    until = loop.time() + _ANSWER_S
                elif loop.time() >= until:
                    raise RedisTimeout("the subscription is silent")
                continue
            until = None
            if message["type"] == "subscribe":
                yield SUBSCRIBED
            elif message["type"] == "message":
                yield str(message["data"])
    finally:
        with contextlib.suppress(RedisError, OSError):
            await pubsub.aclose()  # type: ignore[no-untyped-call]
            await connection.aclose()


class Wake:
    """Ends a relay's pause as soon as somebody says that the outbox has rows; a poll is the net."""

    def __init__(self, channel: str, *, poll_s: float = 0.1) -> None:
        self._channel = channel
        self._poll_s = poll_s
        self._event = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Wake:
        self._listener = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)

    async def pause(self) -> None:
        """Return at the next wake-up, or after the poll interval."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._poll_s):
                await self._event.wait()
        self._event.clear()

    async def after(self, rows: int, *, full: bool) -> None:
        """Return when the next batch is due: at once after a full one, soon under load, else when rung."""
        if full:
            return
        if rows < _BUSY_ROWS:
            await self.pause()
        else:
            await asyncio.sleep(_GATHER_S if rows < _HEAVY_ROWS else _HEAVY_S)

    async def _listen(self) -> None:
        while True:
            try:
                async for _ in messages(self._channel):
                    self._event.set()
            except (RedisError, OSError, TimeoutError) as error:
                log.debug("wake-up channel lost (%s); polling", type(error).__name__)
            await asyncio.sleep(_RETRY_S)
