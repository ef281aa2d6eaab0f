"""The bell that wakes the relays: at once, and not for every single row."""

from __future__ import annotations

import asyncio

import pytest

from ccops.backend.utils import redis as module


class Heard:
    """In the place of Redis; `rung` is how often it was rung."""

    def __init__(self) -> None:
        self.rung = 0

    async def publish(self, channel: str, text: str) -> None:
        assert (channel, text) == (module.WAKE_CHANNEL, "1")
        self.rung += 1


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    made = Heard()
    monkeypatch.setattr(module, "redis", made)
    monkeypatch.setattr(module, "_bell", module._Bell())
    return made


def test_the_first_ring_goes_out_at_once_and_all_that_come_soon_after_are_one_more(heard: Heard) -> None:
    async def ring() -> list[int]:
        await module.wake_relays()
        await asyncio.sleep(0)
        counted = [heard.rung]
        for _ in range(50):
            await module.wake_relays()
        await asyncio.sleep(0)
        counted.append(heard.rung)
        await asyncio.sleep(5 * module._RING_S)
        counted.append(heard.rung)
        await module.wake_relays()
        await asyncio.sleep(0)
        return [*counted, heard.rung]

    assert asyncio.run(ring()) == [1, 1, 2, 3]
