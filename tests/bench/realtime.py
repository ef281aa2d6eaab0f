"""The realtime channel under many sockets, many acts, and the write load of the economy."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context

import httpx
import psutil
import psycopg

from ccops.backend.repositories.outbox import OutboxRow
from tests.bench import backend as writes
from tests.bench.crowd import Member, crowd
from tests.bench.figures import Figure, figure, percentile
from tests.bench.load import offer, request
from tests.bench.machine import BenchFailed, checked, owner_of, port_of
from tests.bench.plan import Context
from tests.bench.sockets import connected
from tests.bench.stack import Home

SOCKETS, A_USER, WARM = 1_000, 3, 99  # three sockets are what one user may have
ROUND_S, PAUSE_S = 6, 1.0
ACTORS, ACTS_PER_S = 50, 100
_LAST_S = 10.0
# What signup and action do is measured elsewhere: here only the way from a committed event to the screens.
_TELL = """
INSERT INTO outbox (event_id, trace_id, request_id, user_id, type, topic, realtime, payload)
SELECT gen_random_uuid(), 'bench', 'bench', u, 'user_action', NULL, true,
       jsonb_build_object('action_type', 'BENCH', 'client_ts', NULL, 'context', '{}'::jsonb,
                          'server_ts', now())
  FROM unnest(%s::bigint[]) AS u RETURNING event_id::text
"""


Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Crowded:
    """One round with many sockets: milliseconds from commit to socket, kB a socket, CPU of the backend."""

    delays: list[float]
    from_publish: list[float]
    kb_a_socket: float
    cpu_share: float


def bench(context: Context) -> list[Figure]:
    """Measure each part on a stack of its own."""
    with Home() as home:
        home.up()
        crowded = asyncio.run(_many_sockets(home, context))
        slo = _under_writes(home, context)
    with Home() as home:
        checked(home.ccops("up", "--backend-workers", "2"), "ccops up --backend-workers 2")
        acts = asyncio.run(_many_acts(home, context))
    return [*_crowded_figures(crowded), *_acts_figures(acts), *_slo_figures(slo)]


async def _many_sockets(home: Home, context: Context) -> Crowded:
    url = home.url("CCOPS_BACKEND_URL")
    port, process = port_of(url), psutil.Process(owner_of(url))
    context.say(f"realtime: {SOCKETS // A_USER + 1} users sign up")
    people = await crowd(url, -(-SOCKETS // A_USER))
    tokens = [people[number // A_USER].token for number in range(SOCKETS)]
    arrivals: list[tuple[bytes, float]] = []
    # What the first hundred cost once (pools, caches) is not the price of a socket.
    warm = await connected(port, tokens[:WARM], lambda *_: None)
    before = process.memory_info().rss
    context.say(f"realtime: {SOCKETS} sockets")
    sockets = await connected(port, tokens[WARM:], lambda _, event, at: arrivals.append((event, at)))
    after = process.memory_info().rss
    users, sent = [one.id for one in people[WARM // A_USER :]], dict[bytes, float]()
    used, began = _cpu(process), time.monotonic()
    async with await psycopg.AsyncConnection.connect(home.url("CCOPS_DATABASE_URL"), autocommit=True) as conn:
        for _ in range(ROUND_S):
            rows = await (await conn.execute(_TELL, [users])).fetchall()
            moment = time.time()
            sent |= {row[0].encode(): moment for row in rows}
            await asyncio.sleep(PAUSE_S)
    share = (_cpu(process) - used) / (time.monotonic() - began)
    await _all_here(arrivals, len(sockets) * ROUND_S)
    delays = [1000 * (at - sent[event]) for event, at in arrivals]
    arrivals.clear()
    published = await _published(home.url("CCOPS_REDIS_URL"), users)
    await _all_here(arrivals, len(sockets) * ROUND_S)
    for one in (*warm, *sockets):
        one.close()
    from_publish = [1000 * (at - published[event]) for event, at in arrivals]
    return Crowded(delays, from_publish, (after - before) / 1000 / len(sockets), share)


async def _published(url: str, users: Sequence[int]) -> dict[bytes, float]:
    """Do the relay's own call for every user at once; return when each event was handed over."""
    from redis.asyncio import Redis

    from ccops.backend.realtime.scripts import PUBLISH
    from ccops.backend.relays.realtime import publish

    when: dict[bytes, float] = {}
    async with Redis.from_url(url) as redis:
        sha = await redis.script_load(PUBLISH)
        for _ in range(ROUND_S):
            rows = [_row(user) for user in users]
            async with redis.pipeline(transaction=False) as pipe:
                for row in rows:
                    publish(pipe, row, sha)
                moment = time.time()
                await pipe.execute()
            when |= {row.event_id.encode(): moment for row in rows}
            await asyncio.sleep(PAUSE_S)
    return when


def _row(user: int) -> OutboxRow:
    data = '{"action_type":"BENCH","client_ts":null,"context":{},"server_ts":"2026-01-01T00:00:00Z"}'
    event, now = str(uuid.uuid4()), datetime.now(UTC)
    return OutboxRow(0, event, "bench", "bench", user, "user_action", None, data, now)


async def _all_here(arrivals: Sequence[object], wanted: int) -> None:
    until = time.monotonic() + _LAST_S
    while len(arrivals) < wanted and time.monotonic() < until:
        await asyncio.sleep(0.05)
    if len(arrivals) != wanted:
        raise BenchFailed(f"{len(arrivals)} of {wanted} frames arrived")


def _cpu(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system


async def _many_acts(home: Home, context: Context) -> list[float]:
    """Act at a steady rate, whatever the answers do; return milliseconds from the intended moment."""
    url = home.url("CCOPS_BACKEND_URL")
    people = await crowd(url, ACTORS)
    context.say(f"realtime: {ACTS_PER_S} acts a second on two backend processes")
    arrivals: list[tuple[bytes, float]] = []
    sockets = await connected(
        port_of(url), [one.token for one in people], lambda _, event, at: arrivals.append((event, at))
    )
    sent = await _acting(url, people, seconds=10)
    await _all_here(arrivals, len(sent))
    for one in sockets:
        one.close()
    return [1000 * (at - sent[event]) for event, at in arrivals]


async def _acting(url: str, people: Sequence[Member], *, seconds: int) -> dict[bytes, float]:
    sent: dict[bytes, float] = {}
    began, count = time.time(), seconds * ACTS_PER_S
    lines: asyncio.Queue[Line] = asyncio.Queue()
    for _ in range(ACTORS):
        lines.put_nowait(await asyncio.open_connection("127.0.0.1", port_of(url)))

    async def act(number: int) -> None:
        event, moment = str(uuid.uuid4()), began + number / ACTS_PER_S
        sent[event.encode()] = moment
        body = json.dumps({"action_type": "BENCH_ACTION", "event_id": event}).encode()
        wanted = request("POST", "/api/actions", token=people[number % len(people)].token, body=body)
        await asyncio.sleep(max(0.0, moment - time.time()))
        line = await lines.get()
        status = await _ask(line, wanted)
        lines.put_nowait(line)
        if status != 201:
            raise BenchFailed(f"an act was answered with {status}")

    await asyncio.gather(*(act(number) for number in range(count)))
    while not lines.empty():
        lines.get_nowait()[1].close()
    return sent


async def _ask(line: Line, wanted: bytes) -> int:
    """Send one request and read its answer: a general client would take the cores that are measured."""
    reader, writer = line
    writer.write(wanted)
    head = await reader.readuntil(b"\r\n\r\n")
    found = _LENGTH.search(head)
    await reader.readexactly(int(found[1]) if found else 0)
    return int(head[9:12])


def _under_writes(home: Home, context: Context) -> tuple[list[float], float]:
    """Listen and act as one user while the write load of the bench `backend` runs; also its rate."""
    site = asyncio.run(writes._prepare(home))
    context.say("realtime: the 500 ms SLO under the write load")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        # A process of its own: the load generator's interpreter would delay what it listens to.
        listening = pool.submit(listen, home.url("CCOPS_BACKEND_URL"), float(ROUND_S))
        load = offer(site.port, site.buys, clients=16, seconds=ROUND_S + 2.0)
        if refused := load.unexpected(200):
            raise BenchFailed(f"buy answered {refused}: {load.sample[:300]!r}")
        return listening.result(60), load.per_s


def listen(url: str, seconds: float) -> list[float]:
    """Act ten times a second as a new user; return milliseconds from each act to its frame."""
    return asyncio.run(_listen(url, seconds))


async def _listen(url: str, seconds: float) -> list[float]:
    (person,) = await crowd(url, 1)
    arrivals: list[tuple[bytes, float]] = []
    await connected(port_of(url), [person.token], lambda _, event, at: arrivals.append((event, at)))
    sent: dict[bytes, float] = {}
    headers, until = {"Authorization": f"Bearer {person.token}"}, time.time() + seconds
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
        while time.time() < until:
            event = str(uuid.uuid4())
            sent[event.encode()] = time.time()
            body = json.dumps({"action_type": "BENCH_ACTION", "event_id": event}).encode()
            answer = await client.post(
                "/api/actions", content=body, headers={**headers, "Content-Type": "application/json"}
            )
            answer.raise_for_status()
            await asyncio.sleep(random.uniform(0.05, 0.15))
    await _all_here(arrivals, len(sent))
    return [1000 * (at - sent[event]) for event, at in arrivals]


def _crowded_figures(found: Crowded) -> list[Figure]:
    rests = f"{SOCKETS} sockets of {SOCKETS // A_USER + 1} users, one process; all at once, once a second"
    return [
        figure("1000 sockets, p95", "ms", [percentile(found.from_publish, 0.95)],
               f"{rests}; from the publication, by the relay's own call", target=75),
        figure("1000 sockets, all", "ms", found.from_publish, rests),
        figure("commit to 1000 sockets, p95", "ms", [percentile(found.delays, 0.95)],
               f"{rests}; the relay takes {SOCKETS // A_USER} rows a second in one burst"),
        figure("memory of a socket", "kB", [found.kb_a_socket],
               "RSS of the backend process, from 100 to 1000 sockets", target=40),
        figure("CPU of the backend", "cores", [found.cpu_share], rests),
    ]  # fmt: skip


def _acts_figures(found: list[float]) -> list[Figure]:
    rests = f"{ACTS_PER_S} acts/s of {ACTORS} users, 2 backend processes, 10 s, from the intended moment"
    return [
        figure("act to frame at 100/s, p95", "ms", [percentile(found, 0.95)], rests, target=150),
        figure("act to frame at 100/s, all", "ms", found, rests),
    ]


def _slo_figures(found: tuple[list[float], float]) -> list[Figure]:
    delays, rate = found
    rests = (
        f"one user at 10 acts/s beside {rate:.0f} purchases/s of 16 clients, 1 process, everything running"
    )
    return [
        figure("SLO under writes, p95", "ms", [percentile(delays, 0.95)], rests, target=500),
        figure("SLO under writes, all", "ms", delays, rests),
    ]
