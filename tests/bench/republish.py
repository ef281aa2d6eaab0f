"""kill -9 of the broker right after it acknowledged a burst: how long until nothing is missing any more."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import psycopg

from ccops.stack.probes import KafkaProbe
from ccops.stack.service import ProbeFailed
from tests.bench.figures import Figure, figure
from tests.bench.machine import BenchFailed, owner_of, port_of
from tests.bench.plan import Context
from tests.bench.players import Player, new_player
from tests.bench.stack import Home
from tests.integration.faults.truth import differing_ids

ACTS, BUYS, AT_ONCE = 200, 12, 8
QUIET_S = 3.0
GIVE_UP_S = 60.0
_COUNTER = re.compile(r"^outbox_republished_total (\S+)$", re.MULTILINE)
_PENDING = "SELECT count(*) FROM outbox WHERE topic IS NOT NULL AND kafka_acked_at IS NULL"


@dataclass(frozen=True, slots=True)
class Recovery:
    """Moments after the kill in seconds, and how many rows were sent again."""

    reachable: float
    acked: float
    equal: float
    again: int


@dataclass(slots=True)
class Watch:
    """What PostgreSQL, the worker and ClickHouse say, by connections of our own."""

    home: Home
    conn: psycopg.Connection[tuple[int]]
    metrics: httpx.Client

    def pending(self) -> int:
        """Return how many rows the broker has not acknowledged."""
        row = self.conn.execute(_PENDING).fetchone()
        assert row is not None
        return row[0]

    def republished(self) -> float | None:
        """Return the worker's counter, or None while the worker does not answer."""
        try:
            found = _COUNTER.search(self.metrics.get("/metrics").text)
        except httpx.TransportError:
            return None
        return float(found[1]) if found else None

    def differing(self) -> str:
        """Return how the id sets of PostgreSQL and ClickHouse differ, or nothing."""
        return differing_ids(self.home.url("CCOPS_DATABASE_URL"), self.home.url("CCOPS_CLICKHOUSE_URL"))


async def burst(url: str) -> None:
    """Act and buy, several at a time."""
    gate = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(base_url=url, timeout=20) as client:
        players = [await new_player(client) for _ in range(4)]

        async def one(number: int, player: Player) -> None:
            async with gate:
                if number < BUYS:
                    await player.buy()
                else:
                    await player.act(str(uuid.uuid4()))

        await asyncio.gather(*(one(number, players[number % 4]) for number in range(ACTS + BUYS)))


def until(check: Callable[[], bool], what: str, pause_s: float) -> None:
    """Call `check` until it returns true. Raises BenchFailed after a while."""
    end = time.monotonic() + GIVE_UP_S
    while not check():
        if time.monotonic() > end:
            raise BenchFailed(f"{what} within {GIVE_UP_S:.0f} s: no")
        time.sleep(pause_s)


def recover(watch: Watch) -> Recovery:
    """Kill the broker and look until all is acknowledged, equal and quiet."""
    bootstrap = watch.home.url("CCOPS_KAFKA_BOOTSTRAP")
    before = watch.republished() or 0.0
    os.kill(owner_of(bootstrap), signal.SIGKILL)
    killed = time.monotonic()
    probe = KafkaProbe(port_of(bootstrap))
    until(lambda: _answers(probe), "the broker answers again", 0.005)
    reachable = busy = time.monotonic()
    equal: float | None = None
    count = before
    while equal is None or time.monotonic() - max(busy, equal) < QUIET_S:
        now, pending, seen = time.monotonic(), watch.pending(), watch.republished()
        if pending or seen is None or seen != count:
            busy, count = time.monotonic(), count if seen is None else seen
        elif watch.differing():
            equal = None
        elif equal is None:
            equal = time.monotonic()
        if now - killed > GIVE_UP_S:
            raise BenchFailed(f"not equal again: {pending} pending; {watch.differing()}")
        # Often while rows are under way, rarely once the large questions are asked too.
        time.sleep(0.01 if equal is None else 0.25)
    return Recovery(reachable - killed, busy - killed, equal - killed, round(count - before))


def _answers(probe: KafkaProbe) -> bool:
    try:
        probe.ask(0.5)
    except ProbeFailed:
        return False
    return True


def bench(context: Context) -> list[Figure]:
    """Burst, wait for the last acknowledgement, kill, watch; again and again."""
    home = context.stack.get()
    found: list[Recovery] = []
    with (
        psycopg.connect(home.url("CCOPS_DATABASE_URL"), autocommit=True) as conn,
        httpx.Client(base_url=home.url("CCOPS_WORKER_URL"), timeout=2) as metrics,
    ):
        watch = Watch(home, conn, metrics)
        for number in range(context.runs):
            until(lambda: not watch.pending() and not watch.differing(), "equal before the kill", 0.2)
            asyncio.run(burst(home.url("CCOPS_BACKEND_URL")))
            until(lambda: not watch.pending(), "the burst is acknowledged", 0.002)
            found.append(recover(watch))
            last = found[-1]
            context.say(
                f"republish {number + 1}: broker back {last.reachable:.2f} s, {last.again} rows sent again, "
                f"acknowledged {last.acked:.2f} s, equal {last.equal:.2f} s after the kill"
            )
    return _figures(found)


def _figures(found: list[Recovery]) -> list[Figure]:
    lossy = [one for one in found if one.again]
    again = ", ".join(str(one.again) for one in found)
    doubt = "" if len(lossy) == len(found) else f"only {len(lossy)} of {len(found)} kills lost anything"
    text = f"broker reachable to last acknowledgement; rows sent again: {again}"
    both = [max(one.acked, one.equal) for one in found]
    return [
        figure(
            "republish",
            "s",
            [one.acked - one.reachable for one in lossy or found],
            text,
            target=2,
            doubt=doubt,
        ),
        figure("broker reachable again", "s", [one.reachable for one in found], "after the kill"),
        figure("all equal again", "s", both, "after the kill: every row acknowledged, id sets equal"),
    ]
