"""A busy run of money: every request has a key, is repeated until answered, and its answer is kept."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.integration.economy.kit import Answer, Arena, Call, Player

GIVE_UP_AFTER_S = 45
START_GOLD = 100_000
_BUSY = {"BUSY", "IDEMPOTENCY_IN_PROGRESS"}


@dataclass(frozen=True)
class Kind:
    """A path that moves gold: its body, and what an answer says it moved."""

    path: str
    body: Mapping[str, Any]
    moved: Callable[[Any], int]


def _round(data: Any) -> int:
    return int(data["payout"]) - 10


KINDS = (
    Kind("/api/shop/buy", {"product_id": "LUCKY_CHARM", "quantity": 1}, lambda _: -200),
    Kind("/api/shop/buy", {"product_id": "GOLDEN_FRAME", "quantity": 1}, lambda _: -900),
    Kind("/api/games/slot/spin", {"bet": 10}, _round),
    Kind("/api/games/gacha/pull", {"bet": 10}, _round),
    Kind("/api/games/rps/play", {"bet": 10, "choice": "ROCK"}, _round),
    Kind("/api/streak/claim", {"action_type": "DAILY"}, lambda data: int(data["reward"])),
    Kind("/api/shop/promo/redeem", {"code": "WELCOME100"}, lambda data: int(data["reward"])),
    Kind("/api/shop/limited/FOUNDERS_CHEST/buy", {}, lambda _: -300),
    Kind("/api/battlepass/claim", {"level": 1, "track": "free"}, lambda data: int(data["reward"])),
)


class Money:
    """`clients` users spend and earn in a loop until the block ends; `answers` is what each was told."""

    def __init__(self, arena: Arena, clients: int = 6) -> None:
        self.arena, self.players = arena, arena.players(clients, gold=START_GOLD)
        arena.seeds(self.players)
        self.answers: list[Answer] = []
        self.repeated = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()), daemon=True)

    def __enter__(self) -> Money:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(GIVE_UP_AFTER_S + 5)
        assert not self._thread.is_alive()

    def wait_for(self, more: int, timeout_s: float = 30) -> None:
        """Wait until `more` further requests were answered."""
        goal, end = len(self.answers) + more, time.monotonic() + timeout_s
        while len(self.answers) < goal:
            assert time.monotonic() < end, f"no progress: {len(self.answers)} of {goal}"
            time.sleep(0.002)

    async def _all(self) -> None:
        timeout = aiohttp.ClientTimeout(5)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            await asyncio.gather(*(self._one(session, player) for player in self.players))

    async def _one(self, session: aiohttp.ClientSession, player: Player) -> None:
        chance = random.Random(player.id)
        while not self._stop.is_set():
            kind = chance.choice(KINDS)
            call = Call(kind.path, player, kind.body, secrets.token_hex(8))
            self.answers.append(await self._insist(session, call))

    async def _insist(self, session: aiohttp.ClientSession, call: Call) -> Answer:
        """Repeat under the same key until the answer is neither `busy` nor `unavailable`."""
        end = time.monotonic() + GIVE_UP_AFTER_S
        while time.monotonic() < end:
            try:
                answer = await self._ask(session, call)
            except (aiohttp.ClientError, TimeoutError):
                answer = None
            if answer is not None and answer.status not in {502, 503} and not _busy(answer):
                return answer
            self.repeated += 1
            await asyncio.sleep(0.03)
        raise AssertionError(f"never answered: {call.path}")

    async def _ask(self, session: aiohttp.ClientSession, call: Call) -> Answer:
        assert call.player is not None
        headers = {"Authorization": f"Bearer {call.player.token}", "Idempotency-Key": call.key}
        url = self.arena.urls[0] + call.path
        async with session.post(url, json=call.json, headers=headers) as answer:
            replayed = answer.headers.get("Idempotent-Replayed") == "true"
            return Answer(call, answer.status, await answer.read(), replayed)


def _busy(answer: Answer) -> bool:
    return answer.status == 409 and json.loads(answer.body)["error"]["code"] in _BUSY


def moved(answer: Answer) -> int:
    """Return the gold that a successful answer says was moved."""
    kind = next(one for one in KINDS if (one.path, one.body) == (answer.call.path, answer.call.json))
    return kind.moved(answer.data)
