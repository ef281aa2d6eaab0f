"""The hub: one Redis subscription for all sockets of this process, gaps found and filled.

What it promises: every socket gets every frame of its user once, in order, or it is closed. A stream that was
lost (another epoch, or a number used twice) closes the user's sockets with 1012; they reconnect, are told
`recovered: false`, and the snapshot rules. Only the realtime relay publishes.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import cast

from redis.exceptions import RedisError

from ccops.backend import metrics
from ccops.backend.realtime import scripts
from ccops.backend.realtime.connection import CLOSE_REPLACED, CLOSE_RESTART, Connection
from ccops.backend.realtime.frames import Frame, parse
from ccops.backend.utils.pubsub import SUBSCRIBED, messages
from ccops.backend.utils.redis import RT_CHANNEL, redis
from ccops.backend.utils.tasks import cancel

log = logging.getLogger("ccops.backend.realtime")

SOCKETS_A_USER = 3
_POSITION_CHECK_S = 25.0
_RESUBSCRIBE_S = 0.2
_REMEMBERED = 256


@dataclass(slots=True)
class Feed:
    """A user with open sockets: which epoch, the last number passed on, and which event had which number."""

    epoch: str | None = None
    last: int = 0
    recent: OrderedDict[int, str] = field(default_factory=OrderedDict)
    connections: list[Connection] = field(default_factory=list)

    def begin(self, epoch: str, last: int) -> None:
        """Start counting behind `last`."""
        self.epoch, self.last = epoch, last
        self.recent.clear()

    def pass_on(self, frame: Frame) -> None:
        """Give the next frame to every socket."""
        self.last = frame.seq
        self.recent[frame.seq] = frame.event_id
        if len(self.recent) > _REMEMBERED:
            self.recent.popitem(last=False)
        for connection in self.connections:
            connection.offer(frame)

    def restart(self) -> None:
        """Close every socket: what they know about the stream is no longer true."""
        self.epoch = None
        for connection in self.connections:
            connection.end(CLOSE_RESTART, "the stream restarted; reconnect")


class Hub:
    """Connections of this process by user."""

    def __init__(self) -> None:
        self._feeds: dict[int, Feed] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Subscribe; keep the subscription and the positions right until `stop`."""
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._keep_positions())]

    async def stop(self) -> None:
        """Close every socket with 1012 and unsubscribe."""
        for feed in self._feeds.values():
            feed.restart()
        await cancel(self._tasks)

    def attach(self, connection: Connection) -> None:
        """Register a socket; a fourth one of the same user replaces the oldest."""
        feed = self._feeds.setdefault(connection.user_id, Feed())
        live = [other for other in feed.connections if not other.ended.done()]
        for oldest in live[: max(0, len(live) - SOCKETS_A_USER + 1)]:
            oldest.end(CLOSE_REPLACED, f"more than {SOCKETS_A_USER} sockets; the oldest goes")
        feed.connections.append(connection)
        metrics.ws_active.inc()

    def detach(self, connection: Connection) -> None:
        """Forget a socket."""
        feed = self._feeds[connection.user_id]
        feed.connections.remove(connection)
        if not feed.connections:
            del self._feeds[connection.user_id]
        metrics.ws_active.dec()

    def joined(self, connection: Connection, epoch: str, seq: int) -> None:
        """Take the numbering that a socket joined at; sockets of another epoch are out of date."""
        feed = self._feeds[connection.user_id]
        if feed.epoch not in {None, epoch}:
            for other in feed.connections:
                if other is not connection:
                    other.end(CLOSE_RESTART, "the stream restarted; reconnect")
            feed.epoch = None
        if feed.epoch is None:
            feed.begin(epoch, seq)

    async def _listen(self) -> None:
        while True:
            try:
                async for text in messages(RT_CHANNEL):
                    if text is SUBSCRIBED:
                        await self.check_positions()
                    else:
                        await self._dispatch(text)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("realtime subscription lost: %s", type(error).__name__)
            except Exception:  # the hub must outlive one bad message
                log.exception("realtime hub")
            await asyncio.sleep(_RESUBSCRIBE_S)

    async def _keep_positions(self) -> None:
        while True:
            await asyncio.sleep(_POSITION_CHECK_S)
            try:
                await self.check_positions()
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("position check: %s", type(error).__name__)

    async def _dispatch(self, text: str) -> None:
        try:
            frame = parse(text)
        except (ValueError, KeyError, TypeError):
            log.warning("not a frame on %s", RT_CHANNEL)
            return
        feed = self._feeds.get(frame.user_id)
        if feed is None:
            return
        if feed.epoch is None:
            feed.begin(frame.epoch, frame.seq - 1)
        if frame.epoch != feed.epoch:
            feed.restart()
        elif frame.seq <= feed.last:
            if feed.recent.get(frame.seq, frame.event_id) != frame.event_id:
                await self._lost(frame.user_id, feed)
        elif frame.seq == feed.last + 1:
            await _pass_on(feed, frame)
        else:
            await self._catch_up(frame.user_id, feed)

    async def check_positions(self) -> None:
        """Compare every feed with the numbering in Redis; read what was missed."""
        feeds = [(user_id, feed) for user_id, feed in self._feeds.items() if feed.epoch is not None]
        if not feeds:
            return
        async with redis.pipeline(transaction=False) as pipe:
            for user_id, _ in feeds:
                pipe.hmget(scripts.meta_key(user_id), ["epoch", "seq"])
            positions = await pipe.execute()
        for (user_id, feed), (epoch, seq) in zip(feeds, positions, strict=True):
            if epoch != feed.epoch:
                feed.restart()
            elif int(seq or 0) > feed.last:
                await self._catch_up(user_id, feed)

    async def _catch_up(self, user_id: int, feed: Feed) -> None:
        for frame in await read_stream(user_id, feed.last + 1):
            if frame.epoch != feed.epoch or frame.seq > feed.last + 1:
                feed.restart()
                return
            if frame.seq == feed.last + 1:
                await _pass_on(feed, frame)

    async def _lost(self, user_id: int, feed: Feed) -> None:
        """A number came twice with different events: Redis forgot a part of the stream."""
        log.warning("realtime stream of user %d was lost in part; starting another epoch", user_id)
        keys = (scripts.meta_key(user_id), scripts.stream_key(user_id))
        await redis.eval(scripts.ROTATE, len(keys), *keys, secrets.token_hex(8), feed.epoch or "")
        feed.restart()


async def _pass_on(feed: Feed, frame: Frame) -> None:
    """Pass on, then let the writers run: a burst longer than a queue is no sign of a slow reader."""
    feed.pass_on(frame)
    await asyncio.sleep(0)


async def read_stream(user_id: int, first: int, last: int | None = None) -> list[Frame]:
    """Return the stored frames `first..last` (default: all) of a user."""
    end = "+" if last is None else f"{last}-0"
    answer = await redis.xrange(scripts.stream_key(user_id), f"{first}-0", end)
    entries = cast(list[tuple[str, dict[str, str]]], answer or [])
    return [parse(fields["f"]) for _, fields in entries]


hub = Hub()
