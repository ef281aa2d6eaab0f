"""The hub: one Redis subscription for all sockets of this process, gaps found and filled.

What it promises: every socket gets every frame of its user once, in order, or it is closed. A stream that was
lost (another epoch, another story of the data, or a number used twice) closes the user's sockets with 1012;
they reconnect, are told `recovered: false`, and the snapshot rules. Only the realtime relay publishes frames;
the same channel carries what concerns sockets of any process: closed sessions and replaced sockets.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from functools import partial
from typing import cast

import orjson
from redis.exceptions import RedisError

from ccops.backend import metrics
from ccops.backend.core.config import settings
from ccops.backend.core.errors import ApiError
from ccops.backend.db import db
from ccops.backend.realtime import codes, scripts
from ccops.backend.realtime.connection import Connection
from ccops.backend.realtime.feed import Feed
from ccops.backend.realtime.frames import Frame, parse
from ccops.backend.realtime.register import Register
from ccops.backend.repositories import realtime as repository
from ccops.backend.utils.pubsub import SUBSCRIBED, messages
from ccops.backend.utils.redis import RT_CHANNEL, redis
from ccops.backend.utils.tasks import cancel

log = logging.getLogger("ccops.backend.realtime")

_RESUBSCRIBE_S = 0.2
_LEAVE_S = 2.0
_TURN_FRAMES = 16
_CONTROL = '{"control"'
_STORES = (RedisError, OSError, TimeoutError, ApiError)


class Hub:
    """Connections of this process by user."""

    def __init__(self) -> None:
        self.register = Register()
        self._feeds: dict[int, Feed] = {}
        self._connections: dict[str, Connection] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._watching: dict[object, tuple[str, Callable[[], object]]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._passed = 0

    def start(self) -> None:
        """Subscribe; keep the subscription and the positions right until `stop`."""
        self.register = Register()
        loops = (self._listen(), self._keep_positions(), self.register.keep_alive())
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    async def stop(self) -> None:
        """Close every socket with 1012 and unsubscribe."""
        for feed in self._feeds.values():
            feed.restart()
        await asyncio.sleep(0)
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=_LEAVE_S)
        await cancel([*self._tasks, *self._leaving])

    def attach(self, connection: Connection) -> None:
        """Take a socket in: from now on it is told of frames, and ended with its session."""
        self._feeds.setdefault(connection.user_id, Feed()).connections.append(connection)
        self._connections[connection.id] = connection
        connection.on_end = self._detach
        metrics.ws_active.inc()

    def _detach(self, connection: Connection) -> None:
        feed = self._feeds[connection.user_id]
        feed.connections.remove(connection)
        if not feed.connections:
            del self._feeds[connection.user_id]
        del self._connections[connection.id]
        metrics.ws_active.dec()
        leaving = asyncio.create_task(self.register.leave(connection))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    def watch(self, family: str, end: Callable[[], object]) -> Callable[[], object]:
        """Have `end` called when the session is closed, as its sockets are; return what stops watching."""
        key = object()
        self._watching[key] = (family, end)
        return partial(self._watching.pop, key, None)

    def joined(self, connection: Connection, epoch: str, seq: int, run: str = "") -> None:
        """Take the numbering that a socket joined at; sockets of another epoch are out of date."""
        feed = self._feeds[connection.user_id]
        if feed.epoch not in {None, epoch}:
            for other in feed.connections:
                if other is not connection:
                    other.end(codes.RESTART, "the stream restarted; reconnect")
            feed.epoch = None
        if feed.epoch is None:
            feed.begin(epoch, seq, run)

    async def _listen(self) -> None:
        while True:
            try:
                async for text in messages(RT_CHANNEL):
                    if text is SUBSCRIBED:
                        await self.check()
                    elif text.startswith(_CONTROL):
                        self._obey(text)
                    else:
                        await self._dispatch(text)
            except _STORES as error:
                log.warning("realtime subscription lost: %s", type(error).__name__)
            except Exception:  # the hub must outlive one bad message
                log.exception("realtime hub")
            await asyncio.sleep(_RESUBSCRIBE_S)

    async def _keep_positions(self) -> None:
        while True:
            await asyncio.sleep(settings.ws_position_check_s)
            await self.check()

    async def check(self) -> None:
        """Compare everything with the stores: what was published while nobody listened is lost.

        One after the other and each by itself: sessions end also while Redis is away.
        """
        for compare in (self.check_positions, self._check_register, self._check_sessions):
            try:
                await compare()
            except _STORES as error:
                log.warning("%s: %s", compare.__name__, type(error).__name__)
            except Exception:  # the loop must outlive it
                log.exception("%s", compare.__name__)

    async def _check_register(self) -> None:
        await self.register.compare(self._connections)

    def _obey(self, text: str) -> None:
        """Do what another process says about our sockets."""
        body = orjson.loads(text)
        if body["control"] == "revoked":
            self._end_sessions({str(family) for family in body["families"]})
        elif body["control"] == "replaced":
            self.register.replaced(body["sockets"], self._connections)

    def _end_sessions(self, families: set[str]) -> None:
        for connection in self._connections.values():
            if connection.family in families:
                connection.end(codes.TOKEN, "the session was closed")
        for family, end in list(self._watching.values()):
            if family in families:
                end()

    async def _check_sessions(self) -> None:
        """End the sockets of sessions that PostgreSQL knows as closed: messages get lost, rows do not."""
        families = {one.family for one in self._connections.values()}
        families |= {family for family, _ in self._watching.values()}
        if families:
            async with db.connection() as conn:
                self._end_sessions(await repository.closed_sessions(conn, families))

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
            await self._pass_on(feed, frame)
        else:
            await self._catch_up(frame.user_id, feed)

    async def check_positions(self) -> None:
        """Compare every feed with the numbering in Redis; read what was missed."""
        known = [(user, feed, feed.last) for user, feed in self._feeds.items() if feed.epoch is not None]
        if not known:
            return
        async with redis.pipeline(transaction=False) as pipe:
            # One pipeline is one connection, and so one server: what it says about itself holds for the rest.
            pipe.eval(scripts.RUN_ID, 0)
            for user_id, _, _ in known:
                pipe.hmget(scripts.meta_key(user_id), ["epoch", "seq"])
            run, *positions = await pipe.execute()
        for (user_id, feed, last), (epoch, text) in zip(known, positions, strict=True):
            seq = int(text or 0)
            if epoch != feed.epoch or (feed.run and feed.run != run):
                feed.restart()
            elif seq < last:
                await self._lost(user_id, feed)
            elif seq > feed.last:
                await self._catch_up(user_id, feed)
                if feed.epoch == epoch and feed.last < seq:
                    feed.restart()  # the stream ends before the numbering: nobody can fill this hole

    async def _catch_up(self, user_id: int, feed: Feed) -> None:
        for frame in await read_stream(user_id, feed.last + 1):
            if frame.epoch != feed.epoch or frame.seq > feed.last + 1:
                feed.restart()
                return
            if frame.seq == feed.last + 1:
                await self._pass_on(feed, frame)

    async def _lost(self, user_id: int, feed: Feed) -> None:
        """A number came twice with different events, or is gone: Redis forgot a part of the stream."""
        log.warning("realtime stream of user %d was lost in part; starting another epoch", user_id)
        keys = (scripts.meta_key(user_id), scripts.stream_key(user_id))
        await redis.eval(scripts.ROTATE, len(keys), *keys, secrets.token_hex(8), feed.epoch or "")
        feed.restart()

    async def _pass_on(self, feed: Feed, frame: Frame) -> None:
        """Pass on; in a burst let the loop write, read and serve others every few frames."""
        feed.pass_on(frame)
        self._passed += 1
        if self._passed % _TURN_FRAMES == 0:
            await asyncio.sleep(0)


async def read_stream(user_id: int, first: int, last: int | None = None) -> list[Frame]:
    """Return the stored frames `first..last` (default: all) of a user."""
    end = "+" if last is None else f"{last}-0"
    answer = await redis.xrange(scripts.stream_key(user_id), f"{first}-0", end)
    entries = cast(list[tuple[str, dict[str, str]]], answer or [])
    return [parse(fields["f"]) for _, fields in entries]


hub = Hub()
