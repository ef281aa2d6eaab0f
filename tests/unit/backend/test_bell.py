"""The bell that wakes the relays: at once, and not for every single row."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from ccops.backend.utils import pubsub
from ccops.backend.utils import redis as module


class Heard:
    """In the place of Redis; `moments` are those at which it was rung."""

    def __init__(self) -> None:
        self.moments: list[float] = []

    async def publish(self, channel: str, text: str) -> None:
        assert (channel, text) == (module.WAKE_CHANNEL, "1")
        self.moments.append(asyncio.get_running_loop().time())


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    made = Heard()
    monkeypatch.setattr(module, "redis", made)
    monkeypatch.setattr(module, "_bell", module._Bell())
    return made


async def ring(times: int = 1) -> None:
    for _ in range(times):
        await module.wake_relays()
    await asyncio.sleep(0)


def test_the_first_ring_goes_out_at_once_and_all_that_come_soon_after_are_one_more(heard: Heard) -> None:
    async def run() -> list[int]:
        counted = []
        # A burst is no pace yet: the one behind it is heard as soon as any.
        for times, wait_s in ((1, 0.0), (10, 0.0), (0, 5 * module._RING_S), (1, 0.0)):
            await ring(times)
            await asyncio.sleep(wait_s)
            counted.append(len(heard.moments))
        return counted

    assert asyncio.run(run()) == [1, 1, 2, 3]


def test_while_there_are_many_a_second_few_go_out(heard: Heard) -> None:
    async def run() -> None:
        while len(heard.moments) < 6:
            await ring(20)
            await asyncio.sleep(0.001)

    asyncio.run(run())
    gaps = [later - earlier for earlier, later in pairwise(heard.moments[1:])]
    assert min(gaps) >= 0.9 * module._RARE_S  # a loop's clock may be a little early, and never much


def test_the_last_of_many_is_heard_and_then_one_alone_is_heard_at_once(heard: Heard) -> None:
    async def run() -> list[int]:
        await ring()
        await ring(50)
        await asyncio.sleep(module._RING_S)
        await ring()
        counted = []
        for times, wait_s in ((0, 4 * module._RARE_S), (1, 0.0)):
            before = len(heard.moments)
            await asyncio.sleep(wait_s)
            await ring(times)
            counted.append(len(heard.moments) - before)
        return counted

    many, one = asyncio.run(run())
    assert (many > 0, one) == (True, 1)


def test_a_late_ring_is_not_later_than_the_relays_look_again_by_themselves() -> None:
    # A ring is at least one row: at this pace each look finds so many that the next comes by itself.
    assert module._MANY_RINGS * pubsub._HEAVY_S >= pubsub._HEAVY_ROWS
    assert module._RARE_S <= pubsub._HEAVY_S
