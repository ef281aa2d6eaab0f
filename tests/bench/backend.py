"""The backend's hot paths over real HTTP, against what the database alone can do in the same run."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx
import psutil
import psycopg

from tests.bench import pgbench
from tests.bench.figures import Figure, figure, percentile
from tests.bench.load import Load, offer, request
from tests.bench.machine import BenchFailed, checked, owner_of, port_of
from tests.bench.pgbench import Pgbench
from tests.bench.plan import Context
from tests.bench.players import PASSWORD
from tests.bench.stack import Home

PLAYERS = 128
SECONDS = 4
GOLD = 1_000_000_000
_ITEM = b'{"product_id":"LUCKY_CHARM","quantity":1}'
RICH = """SELECT cc_post('{"trace_id":"bench","request_id":"bench","env":"dev"}', id, %s,
    'mint:bench', 'bench', 'user', id::text) FROM users"""

_BACKLOG = """SELECT EXISTS (SELECT FROM outbox WHERE topic IS NOT NULL AND kafka_acked_at IS NULL)
    OR EXISTS (SELECT FROM outbox WHERE realtime AND pushed_at IS NULL)"""


@dataclass(frozen=True, slots=True)
class Site:
    """The backend under load and the players who act."""

    port: int
    pid: int
    names: tuple[str, ...]
    tokens: tuple[str, ...]

    def buys(self, client: int) -> Iterator[bytes]:
        """Buy an item under a new key each time, as one player after the other."""
        for turn in itertools.count(client):
            key = f"Idempotency-Key: {uuid.uuid4().hex}\r\n"
            token = self.tokens[turn * 7 % PLAYERS]
            yield request("POST", "/api/shop/buy", token=token, body=_ITEM, headers=key)

    def dashboards(self, client: int) -> Iterator[bytes]:
        """Read the dashboard as one player after the other."""
        made = [request("GET", "/api/dashboard", token=token) for token in self.tokens]
        return itertools.cycle(made[client:] + made[:client])

    def logins(self, client: int) -> Iterator[bytes]:
        """Log in as one player after the other."""
        bodies = [json.dumps({"site_id": one, "password": PASSWORD}).encode() for one in self.names]
        made = [request("POST", "/api/auth/login", body=body) for body in bodies]
        return itertools.cycle(made[client * 31 % PLAYERS :] + made[: client * 31 % PLAYERS])

    def cpu_s(self) -> float:
        """Return the CPU seconds the backend has used."""
        used = psutil.Process(self.pid).cpu_times()
        return used.user + used.system


@dataclass(frozen=True, slots=True)
class Round:
    """One pass over everything; rates a second, latencies in milliseconds, CPU in microseconds a request."""

    pg_write: float
    pg_read: float
    pg_smallest_read: float
    write: float
    write_cpu: float
    write_full: float
    read: float
    login: float
    write_p95_8: float
    write_p95_32: float
    read_p95_32: float


def bench(context: Context) -> list[Figure]:
    """Measure `context.runs` rounds on a stack of our own."""
    with Home() as home:
        home.up()
        site = asyncio.run(_prepare(home))
        with pgbench.scratch(home.url("CCOPS_DATABASE_URL")) as database:
            rounds = []
            for number in range(context.runs):
                context.say(f"backend: round {number + 1} of {context.runs}")
                rounds.append(_round(home, site, database))
    return _figures(rounds)


async def _prepare(home: Home) -> Site:
    url = home.url("CCOPS_BACKEND_URL")
    names = tuple(f"bench{uuid.uuid4().hex[:12]}" for _ in range(PLAYERS))
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
        for name in names:
            body = {"invite_code": "5858", "site_id": name, "nickname": name, "password": PASSWORD}
            answer = await client.post("/api/auth/signup", json={**body, "birth_date": "1990-01-01"})
            answer.raise_for_status()
        tokens = []
        for name in names:
            login = await client.post("/api/auth/login", json={"site_id": name, "password": PASSWORD})
            login.raise_for_status()
            tokens.append(str(login.json()["access_token"]))
    with psycopg.connect(home.url("CCOPS_DATABASE_URL")) as conn:
        conn.execute(RICH, (GOLD,))
    return Site(port_of(url), owner_of(url), names, tuple(tokens))


def _round(home: Home, site: Site, database: Pgbench) -> Round:
    checked(home.ccops("down", "worker"), "ccops down worker")
    pg_write = database.tps(pgbench.WRITE, seconds=SECONDS)
    pg_read = database.tps(pgbench.READ, seconds=SECONDS)
    pg_smallest = database.tps(pgbench.SMALLEST_READ, seconds=2)
    before = site.cpu_s()
    write = good(offer(site.port, site.buys, clients=16, seconds=SECONDS, warm_up_s=0.0), "buy")
    write_cpu = 1e6 * (site.cpu_s() - before) / len(write.latencies)
    at_8 = good(offer(site.port, site.buys, clients=8, seconds=SECONDS), "buy")
    at_32 = good(offer(site.port, site.buys, clients=32, seconds=SECONDS), "buy")
    read = good(offer(site.port, site.dashboards, clients=16, seconds=SECONDS), "dashboard")
    read_32 = good(offer(site.port, site.dashboards, clients=32, seconds=SECONDS), "dashboard")
    login = good(offer(site.port, site.logins, clients=4, seconds=SECONDS), "login")
    checked(home.ccops("up"), "ccops up")
    drained(home)
    full = good(offer(site.port, site.buys, clients=16, seconds=SECONDS), "buy")
    return Round(
        pg_write, pg_read, pg_smallest, write.per_s, write_cpu, full.per_s, read.per_s, login.per_s,
        _p95(at_8), _p95(at_32), _p95(read_32),
    )  # fmt: skip


def drained(home: Home, *, within_s: float = 120) -> None:
    """Wait until the relays have caught up with what was bought while they were stopped."""
    with psycopg.connect(home.url("CCOPS_DATABASE_URL"), autocommit=True) as conn:
        until = time.monotonic() + within_s
        while conn.execute(_BACKLOG).fetchone() != (False,):
            if time.monotonic() > until:
                raise BenchFailed(f"the relays did not catch up within {within_s:g} s")
            time.sleep(0.2)
    time.sleep(1.0)  # the ingester is a moment behind


def good(load: Load, what: str) -> Load:
    """Return `load`. Raises BenchFailed when an answer was not 200, or none came."""
    if refused := load.unexpected(200):
        raise BenchFailed(f"{what} answered {refused}: {load.sample[:300]!r}")
    if not load.latencies:
        raise BenchFailed(f"{what} was never answered")
    return load


def _p95(load: Load) -> float:
    return 1000 * percentile(load.latencies, 0.95)


def _figures(rounds: Sequence[Round]) -> list[Figure]:
    def of(name: str, unit: str, samples: list[float], rests_on: str, **more: object) -> Figure:
        return figure(name, unit, samples, rests_on, **more)  # type: ignore[arg-type]

    pg = "pgbench, 4 statements, 16 clients, same server and round"
    stopped, text = "worker stopped", f"{SECONDS} s a round, {PLAYERS} players, load from this machine"
    floor = {"at_least": True}
    return [
        of("write / pgbench", "x", [one.write / one.pg_write for one in rounds], f"{pg}; {stopped}",
           target=0.30, key="write_ratio", **floor),
        of("write / pgbench, all running", "x", [one.write_full / one.pg_write for one in rounds],
           f"{pg}; relays and ingester run beside it", target=0.22, key="write_ratio_full", **floor),
        of("read / pgbench", "x", [one.read / one.pg_read for one in rounds],
           "GET /api/dashboard against its own SELECT in pgbench, 16 clients", target=0.06,
           key="read_ratio", **floor),
        of("CPU of a write", "us", [one.write_cpu for one in rounds], f"backend process; {stopped}",
           target=800, key="write_cpu_us"),
        of("write p95, 8 clients", "ms", [one.write_p95_8 for one in rounds], text, target=15,
           key="p95_ms.write_8"),
        of("write p95, 32 clients", "ms", [one.write_p95_32 for one in rounds], text, target=60,
           key="p95_ms.write_32"),
        of("read p95, 32 clients", "ms", [one.read_p95_32 for one in rounds], text, target=30,
           key="p95_ms.read_32"),
        of("logins", "/s", [one.login for one in rounds], "4 clients, argon2id 19 MiB t=2", target=30,
           key="login_per_s", **floor),
        of("writes", "/s", [one.write for one in rounds], f"16 clients; {stopped}", key="write_per_s"),
        of("writes, all running", "/s", [one.write_full for one in rounds], "16 clients"),
        of("pgbench writes", "/s", [one.pg_write for one in rounds], pg),
        of("pgbench reads", "/s", [one.pg_read for one in rounds], "the dashboard's SELECT, 16 clients"),
        of("pgbench smallest reads", "/s", [one.pg_smallest_read for one in rounds], "one row of two tables"),
        of("reads", "/s", [one.read for one in rounds], "dashboard, 16 clients"),
    ]  # fmt: skip
