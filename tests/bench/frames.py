"""From an act to its frame: HTTP request, outbox, relay, Redis, WebSocket."""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from dataclasses import dataclass, field

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.bench.figures import Figure, bound_rank, figure, percentile
from tests.bench.plan import Context
from tests.bench.players import Player, new_player

ACTS = 200
WARM_UP = 20
DEADLINE_S = 10.0
# The relay polls every 100 ms when nobody wakes it: acts at random moments can't fall in step with it.
# And on average 20 a second are not exceeded: above that the relay gathers frames of one player.
LONGEST_PAUSE_S = 0.1


@dataclass(slots=True)
class Feed:
    """Notes when each event's frame arrives."""

    socket: ClientConnection
    arrivals: dict[str, asyncio.Future[float]] = field(default_factory=dict)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self) -> None:
        """Read frames until cancelled."""
        async for message in self.socket:
            now = time.perf_counter()
            frame = json.loads(message)
            if frame["type"] == "initial_state":
                self.begun.set()
            arrival = self.arrivals.get(str(frame.get("event_id")))
            if frame["type"] == "user_action" and arrival is not None and not arrival.done():
                arrival.set_result(now)

    async def time_of(self, player: Player) -> tuple[float, float]:
        """Act once; return milliseconds to the answer and to the frame, both from before the request."""
        event_id = str(uuid.uuid4())
        arrival = self.arrivals[event_id] = asyncio.get_running_loop().create_future()
        sent = time.perf_counter()
        await player.act(event_id)
        answered = time.perf_counter()
        async with asyncio.timeout(DEADLINE_S):
            seen = await arrival
        return 1000 * (answered - sent), 1000 * (seen - sent)


async def rounds(url: str, count: int) -> list[list[tuple[float, float]]]:
    """Return `count` rounds of acts of one player on one socket."""
    async with httpx.AsyncClient(base_url=url, timeout=DEADLINE_S) as client:
        player = await new_player(client)
        words = [Subprotocol("cc.v1"), Subprotocol(f"bearer.{player.token}")]
        address = f"ws{url.removeprefix('http')}/api/realtime/sync"
        async with connect(address, subprotocols=words, proxy=None) as socket:
            feed = Feed(socket)
            reader = asyncio.create_task(feed.read())
            try:
                async with asyncio.timeout(DEADLINE_S):
                    await feed.begun.wait()
                for _ in range(WARM_UP):
                    await feed.time_of(player)
                return [await _round(feed, player) for _ in range(count)]
            finally:
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)


async def _round(feed: Feed, player: Player) -> list[tuple[float, float]]:
    found = []
    for _ in range(ACTS):
        found.append(await feed.time_of(player))
        await asyncio.sleep(random.uniform(0, LONGEST_PAUSE_S))
    return found


def bench(context: Context) -> list[Figure]:
    """Act one at a time, at random moments, and wait for each frame."""
    found = asyncio.run(rounds(context.stack.get().url("CCOPS_BACKEND_URL"), context.runs))
    frames = [[frame for _, frame in one] for one in found]
    answers = [answer for one in found for answer, _ in one]
    everything = sorted(frame for one in frames for frame in one)
    rank = bound_rank(len(everything))
    bound = f"; 95 % sure: p95 <= {everything[rank - 1]:.0f} ms" if rank else ""
    text = f"{ACTS} acts a round, one at a time{bound}"
    return [
        figure("act to frame, p95", "ms", [percentile(one, 0.95) for one in frames], text, target=150),
        figure("act to frame, p50", "ms", [percentile(one, 0.5) for one in frames], text),
        figure("act to frame, all", "ms", everything, "every act of all rounds"),
        figure("act to HTTP answer", "ms", answers, "the same acts: this part is the request itself"),
    ]
