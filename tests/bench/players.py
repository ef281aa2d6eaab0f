"""Players that the benches act as, over real HTTP."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import httpx

PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class Player:
    """A logged-in user."""

    client: httpx.AsyncClient
    token: str

    async def act(self, event_id: str) -> None:
        """Record one action; returns when the backend has answered."""
        body = {"action_type": "BENCH_ACTION", "event_id": event_id}
        answer = await self.client.post("/api/actions", json=body, headers=self._headers)
        answer.raise_for_status()

    async def buy(self) -> None:
        """Ask for a gold pack; the purchase is settled later by the gateway's webhook."""
        headers = {**self._headers, "Idempotency-Key": uuid.uuid4().hex}
        body = {"product_id": "GOLD_1000", "quantity": 1}
        answer = await self.client.post("/api/shop/buy", json=body, headers=headers)
        answer.raise_for_status()

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


async def new_player(client: httpx.AsyncClient) -> Player:
    """Sign up and log in."""
    name = f"bench{uuid.uuid4().hex[:12]}"
    body = {"invite_code": "5858", "site_id": name, "nickname": name, "password": PASSWORD}
    answer = await client.post("/api/auth/signup", json={**body, "birth_date": "1990-01-01"})
    answer.raise_for_status()
    login = await client.post("/api/auth/login", json={"site_id": name, "password": PASSWORD})
    login.raise_for_status()
    return Player(client, str(login.json()["access_token"]))
