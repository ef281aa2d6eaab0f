"""A subscription whose connection died without a word is noticed; a quiet one is left alone."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

import pytest
from redis import asyncio as aioredis
from redis.exceptions import TimeoutError as RedisTimeout

from ccops.backend.utils import pubsub
from tests.integration.pipeline.kit import Stores


class Wire:
    """A way to Redis that can stop to carry anything, with both ends still open."""

    def __init__(self, url: str) -> None:
        self.parts = urlsplit(url)
        self.carries = asyncio.Event()
        self.carries.set()
        self.ended: list[asyncio.Event] = []

    async def __call__(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.ended.append(ended := asyncio.Event())
        far, to = await asyncio.open_connection(self.parts.hostname, self.parts.port)
        await asyncio.gather(self._pump(near, to), self._pump(far, back))
        for writer in (to, back):
            await writer.wait_closed()
        ended.set()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            await self.carries.wait()
            target.write(data)
        target.close()


def test_a_quiet_subscription_stays_and_a_dead_one_ends(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pubsub, "_ASK_AFTER_S", 0.2)
    monkeypatch.setattr(pubsub, "_ANSWER_S", 2.0)

    async def work() -> float:
        wire = Wire(stores.url("REDIS_URL"))
        server = await asyncio.start_server(wire, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        url = f"redis://:{wire.parts.password}@127.0.0.1:{port}/0"
        monkeypatch.setattr(pubsub, "client", lambda: aioredis.Redis.from_url(url, decode_responses=True))
        heard = pubsub.messages("silence-test")
        assert await anext(heard) is pubsub.SUBSCRIBED
        with stores.redis() as cache:
            cache.publish("silence-test", "one")
            assert await anext(heard) == "one"
            following = asyncio.ensure_future(anext(heard))
            await asyncio.sleep(1)  # many times as long as it takes to ask
            cache.publish("silence-test", "two")
            assert await following == "two"
        wire.carries.clear()
        begun = time.monotonic()
        with pytest.raises(RedisTimeout):
            async with asyncio.timeout(20):
                await anext(heard)
        wire.carries.set()
        took = time.monotonic() - begun
        server.close()
        for ended in wire.ended:
            await ended.wait()
        return took

    assert asyncio.run(work()) >= 2.0
