"""Keys of background work are ones that the contract knows, whatever a provider calls its events."""

from __future__ import annotations

import asyncio

import pytest

from ccops.backend.core.config import settings
from ccops.backend.services import claims
from ccops.core.bundle import packaged_contract
from ccops.data.keys import family_of, read_families


class Remembering:
    """A Redis that lets everybody have the key."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    async def set(self, key: str, *_: object, **__: object) -> bool:
        self.keys.append(key)
        return True


@pytest.mark.parametrize("job", ["gateway:r-1", "settle:mock:evt:7", "settle:mock:" + "x" * 255])
def test_a_claim_is_a_key_of_the_contract(job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    redis = Remembering()
    monkeypatch.setattr(claims, "redis", redis)
    monkeypatch.setattr(claims, "settings", settings.model_copy(update={"process_number": 1}))

    async def take() -> None:
        async with claims.claimed(job) as mine:
            assert mine

    asyncio.run(take())
    asyncio.run(take())

    assert len(redis.keys) == 2
    assert len(set(redis.keys)) == 1
    family = family_of(redis.keys[0].encode(), read_families(packaged_contract()))
    assert family is not None
    assert family.pattern == "loop:{job}"
    assert len(redis.keys[0]) < 64
