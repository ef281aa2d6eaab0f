"""Many logged-in users made quickly: over HTTP, but several at a time and with the test profile's hashing."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass

import httpx

from tests.bench.players import PASSWORD

_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Member:
    """One user."""

    id: int
    token: str


async def crowd(url: str, count: int) -> list[Member]:
    """Return `count` new users with their tokens."""
    gate = asyncio.Semaphore(_AT_ONCE)
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:

        async def one() -> Member:
            name = f"crowd{uuid.uuid4().hex[:12]}"
            who = {"site_id": name, "password": PASSWORD}
            more = {"invite_code": "5858", "nickname": name, "birth_date": "1990-01-01"}
            async with gate:
                made = await client.post("/api/auth/signup", json=who | more)
                made.raise_for_status()
                login = await client.post("/api/auth/login", json=who)
                login.raise_for_status()
            return Member(int(made.json()["user"]["id"]), str(login.json()["access_token"]))

        return list(await asyncio.gather(*(one() for _ in range(count))))
