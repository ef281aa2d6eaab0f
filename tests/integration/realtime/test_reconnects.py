"""Reconnects at random moments under a writer: every frame once, in the order of the outbox."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
import redis

from tests.integration.pipeline.kit import Stores, until
from tests.integration.realtime.kit import Backend, User
from tests.integration.realtime.walker import Walker

Make = Callable[[], User]
# CI walks a few hundred times; REALTIME_RECONNECTS=10000 is the long way.
RECONNECTS = int(os.environ.get("REALTIME_RECONNECTS", "300"))
SEED = int(os.environ.get("REALTIME_SEED", "0")) or time.time_ns()
WALKERS = 6


@contextmanager
def writing(stores: Stores, users: Sequence[User], chance: random.Random) -> Iterator[None]:
    """Act for all users, a few things at a time, until the block ends."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            chance.choice(users).act_fast(stores, chance.choice((1, 1, 2, 5, 12)))
            time.sleep(chance.random() * 0.02)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


def outbox(stores: Stores, user: User) -> list[str]:
    """Return the event ids of the user's frames in outbox order."""
    query = "SELECT event_id::text AS event FROM outbox WHERE user_id = %s AND realtime ORDER BY id"
    return [row["event"] for row in stores.sql(query, user.id)]


def top(stores: Stores, user: User) -> tuple[int, str]:
    user.pushed(stores)
    meta = stores.redis().hgetall(f"rt:{user.id}:meta")
    return int(meta["seq"]), meta["epoch"]


async def drain(stores: Stores, pairs: Sequence[tuple[Walker, User]]) -> None:
    """Let every walker read to the end of its stream."""
    ends = [await asyncio.to_thread(top, stores, user) for _, user in pairs]
    await asyncio.gather(*(walker.until(*end) for (walker, _), end in zip(pairs, ends, strict=True)))


def walkers(users: Sequence[User], processes: Sequence[Backend], **more: bool) -> list[Walker]:
    urls = [process.ws for process in processes]
    return [
        Walker(user.id, user.login(), urls, random.Random(SEED + at), **more) for at, user in enumerate(users)
    ]


def test_reconnects_at_random_moments_lose_and_repeat_nothing(
    main: Backend, quick: Backend, user: Make, stores: Stores, record_property: Callable[[str, object], None]
) -> None:
    users = [user() for _ in range(WALKERS)]
    all_of = walkers(users, (main, quick))
    pairs = list(zip(all_of, users, strict=True))

    async def run() -> None:
        await asyncio.gather(*(walker.greet() for walker in all_of))  # before anything happens
        with writing(stores, users, random.Random(SEED)):
            await asyncio.gather(*(walker.walk(RECONNECTS // WALKERS) for walker in all_of))
        await drain(stores, pairs)

    begun = time.monotonic()
    asyncio.run(run())
    figures = {
        "reconnects": sum(walker.connects for walker in all_of),
        "frames": sum(len(walker.events) for walker in all_of),
        "replayed": sum(walker.replayed for walker in all_of),
        "seconds": round(time.monotonic() - begun, 1),
        "seed": SEED,
    }
    for name, value in figures.items():
        record_property(name, value)
    assert [fault for walker in all_of for fault in walker.faults] == [], figures
    for walker, one in pairs:
        assert walker.events == outbox(stores, one), figures
    assert figures["reconnects"] >= RECONNECTS * 0.9, figures
    assert figures["replayed"] > RECONNECTS / 10, figures
    if RECONNECTS > 1000:
        print(figures)


@pytest.mark.parametrize("loss", ["flushall", "kill"])
def test_a_loss_of_redis_under_way_leaves_no_silent_hole(
    main: Backend, quick: Backend, user: Make, stores: Stores, loss: str
) -> None:
    users = [user() for _ in range(3)]
    all_of = walkers(users, (main, quick), may_lose=True)
    pairs = list(zip(all_of, users, strict=True))

    async def run() -> None:
        await asyncio.gather(*(walker.greet() for walker in all_of))
        with writing(stores, users, random.Random(SEED)):
            jobs = [asyncio.create_task(walker.walk(30)) for walker in all_of]
            await asyncio.sleep(0.5)
            await asyncio.to_thread(lose, stores, loss)
            await asyncio.gather(*jobs)
            await asyncio.gather(*(walker.walk(3) for walker in all_of))
        await drain(stores, pairs)

    asyncio.run(run())
    for walker, one in pairs:
        assert walker.faults == []
        order = {event: at for at, event in enumerate(outbox(stores, one))}
        # A snapshot tells of everything up to the newest action in it.
        told = [order[s["recent_actions"][0]["event_id"]] for s in walker.snapshots if s["recent_actions"]]
        missed = set(range(max(told) + 1, len(order))) - {order[event] for event in walker.events}
        assert not missed
        assert len(walker.snapshots) > 2


def lose(stores: Stores, how: str) -> None:
    if how == "flushall":
        stores.redis().flushall()
        return
    stores.kill("redis")
    until(lambda: _pings(stores))


def _pings(stores: Stores) -> bool:
    try:
        return bool(stores.redis().ping())
    except redis.RedisError:
        return False
