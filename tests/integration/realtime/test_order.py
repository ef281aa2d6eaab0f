"""What a Redis in trouble may do to a pipeline of the relay: still no event overtakes another."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime

import pytest
from redis import asyncio as aioredis
from redis.exceptions import RedisError

from ccops.backend.realtime.scripts import PUBLISH, stream_key
from ccops.backend.relays import realtime
from ccops.backend.relays.throttle import Sorted
from ccops.backend.repositories.outbox import OutboxRow
from tests.integration.pipeline.kit import Stores

SHA = hashlib.sha1(PUBLISH.encode(), usedforsecurity=False).hexdigest()


@pytest.fixture
def user(stores: Stores) -> Iterator[int]:
    """A user nobody else has: these tests speak to Redis as the relay does, without an outbox."""
    one = uuid.uuid4().int % 2**40 + 2**41
    yield one
    cache = stores.redis()
    cache.delete(*cache.keys(f"rt:{one}:*"))


def rows(user: int, *kinds: str) -> list[OutboxRow]:
    moment = datetime.now(UTC)
    return [
        OutboxRow(number, str(uuid.uuid4()), "t", "r", user, kind, None, "{}", moment)
        for number, kind in enumerate(kinds, 1)
    ]


def run(work: Coroutine[object, object, None], stores: Stores, patch: pytest.MonkeyPatch) -> None:
    async def inside() -> None:
        client = aioredis.Redis.from_url(stores.url("REDIS_URL"), decode_responses=True)
        patch.setattr(realtime, "redis", client)
        try:
            await work
        finally:
            await client.aclose()

    asyncio.run(inside())


def sent(stores: Stores, user: int, known: list[OutboxRow]) -> list[int]:
    """Return which rows are in the stream, in its order."""
    frames = [fields["f"] for _, fields in stores.redis().xrange(stream_key(user))]
    return [next(row.id for row in known if row.event_id in frame) for frame in frames]


def test_a_state_that_was_superseded_is_not_sent_by_a_pipeline_that_comes_late(
    stores: Stores, user: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = known = rows(user, "profile_update", "profile_update")

    async def work() -> None:
        await realtime.push(Sorted([new], [old]), SHA)
        await realtime.push(Sorted([old], []), SHA)  # frozen since before, given up on, and answered now

    run(work(), stores, monkeypatch)
    assert sent(stores, user, known) == [2]


def test_an_event_that_redis_refused_is_not_overtaken(
    stores: Stores, user: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = rows(user, "reward_granted", "user_action", "user_action")
    publish = realtime.publish

    def refused_once(pipe, row, sha, before=None) -> None:  # as a Redis without memory does for a moment
        publish(pipe, row, sha if row.id != 2 else "0" * 40, before)

    async def work() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(realtime, "publish", refused_once)
            with pytest.raises(RedisError):
                await realtime.push(Sorted(known, []), SHA)
        assert sent(stores, user, known) == [1]
        await realtime.push(Sorted(known, []), SHA)

    run(work(), stores, monkeypatch)
    assert sent(stores, user, known) == [1, 2, 3]
