"""From the outbox to Kafka and ClickHouse: how fast the relays drain, and how late a row is under a rate."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass

import psycopg

from ccops.clients.clickhouse import connect
from tests.bench.crowd import crowd
from tests.bench.figures import Figure, figure, percentile
from tests.bench.machine import BenchFailed, checked
from tests.bench.plan import Context
from tests.bench.stack import Home

RATE, SECONDS, STEP_S = 500, 12, 0.05
BACKLOG = 15_000
USERS = 100
_LOOK_S = 0.25
_GIVE_UP_S = 90.0
_ACT = """
SELECT cc_action(jsonb_build_object('trace_id', %s::text, 'request_id', 'bench', 'env', 'dev'),
                 u, NULL, 'BENCH', '{"game": "slots", "bet": 10}'::jsonb, NULL)
  FROM unnest(%s::bigint[]) AS u
"""
_DRAINED = """
SELECT count(*), extract(epoch FROM max({column}) - min({column}))::float8
  FROM outbox WHERE trace_id = %s AND {column} IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Flow:
    """A steady rate: milliseconds until each row was seen in ClickHouse, and what never was."""

    delays: list[float]
    sent: int
    lost: int
    doubled: int
    rate: float


def bench(context: Context) -> list[Figure]:
    """Measure on a stack of our own."""
    with Home() as home:
        home.up()
        people = asyncio.run(crowd(home.url("CCOPS_BACKEND_URL"), USERS))
        users = [one.id for one in people]
        context.say(f"pipeline: {RATE} events a second for {SECONDS} s")
        flow = _flow(home, users)
        context.say(f"pipeline: a backlog of {BACKLOG}")
        rates = [_backlog(home, users) for _ in range(min(context.runs, 3))]
    rests = f"{flow.rate:.0f} events/s for {SECONDS} s; seen by a query each {1000 * _LOOK_S:.0f} ms"
    backlog = f"a backlog of {BACKLOG} actions of {USERS} users; both relays and the ingester run at once"
    return [
        figure("outbox to ClickHouse, p95", "ms", [percentile(flow.delays, 0.95)], rests, target=3000),
        figure("outbox to ClickHouse, all", "ms", flow.delays, rests),
        figure("lost or doubled", "events", [float(flow.lost + flow.doubled)], f"of {flow.sent}", target=0),
        figure("Kafka relay", "/s", [one[0] for one in rates], backlog, target=3000, at_least=True),
        figure("realtime relay", "/s", [one[1] for one in rates], backlog),
        figure("backlog in ClickHouse", "/s", [one[2] for one in rates], f"{backlog}; from the start"),
    ]


def _flow(home: Home, users: list[int]) -> Flow:
    trace, olap = uuid.uuid4().hex, connect(home.url("CCOPS_CLICKHOUSE_URL"), 30)
    query = (
        "SELECT toString(event_id), toUnixTimestamp64Milli(ts) FROM events WHERE trace_id = {trace:String}"
        " AND ingested_at > fromUnixTimestamp64Milli({since:Int64})"
    )
    seen: dict[str, float] = {}

    def look(since: float) -> None:
        params = {"trace": trace, "since": int(1000 * since)}
        rows = olap.query(query, parameters=params).result_rows
        now = 1000 * time.time()
        for ident, ms in rows:
            seen.setdefault(ident, now - ms)

    sent, began = 0, time.time()
    a_step, next_look = round(RATE * STEP_S), began
    with psycopg.connect(home.url("CCOPS_DATABASE_URL"), autocommit=True) as conn:
        while (now := time.time()) < began + SECONDS:
            due = round((now - began) / STEP_S) * a_step
            while sent < due:
                conn.execute(_ACT, (trace, [users[(sent + n) % USERS] for n in range(a_step)]))
                sent += a_step
            if now >= next_look:
                look(now - 10)
                next_look = time.time() + _LOOK_S
            time.sleep(0.005)
        rate = sent / (time.time() - began)
        until = time.time() + _GIVE_UP_S
        while len(seen) < sent and time.time() < until:
            look(time.time() - 30)
            time.sleep(_LOOK_S)
    final = "SELECT count(), uniqExact(event_id) FROM events FINAL WHERE trace_id = {trace:String}"
    rows, ids = olap.query(final, parameters={"trace": trace}).result_rows[0]
    olap.close()
    return Flow(list(seen.values()), sent, sent - int(ids), int(rows) - int(ids), rate)


def _backlog(home: Home, users: list[int]) -> tuple[float, float, float]:
    """Return events a second of the Kafka relay, the realtime relay, and into ClickHouse."""
    trace = uuid.uuid4().hex
    checked(home.ccops("down", "worker"), "ccops down worker")
    with psycopg.connect(home.url("CCOPS_DATABASE_URL"), autocommit=True) as conn:
        for start in range(0, BACKLOG, 1000):
            conn.execute(_ACT, (trace, [users[(start + n) % USERS] for n in range(1000)]))
        conn.execute("VACUUM ANALYZE outbox")
        began = time.monotonic()
        checked(home.ccops("up"), "ccops up")
        rates = [_drained(conn, trace, column) for column in ("kafka_acked_at", "pushed_at")]
    olap = connect(home.url("CCOPS_CLICKHOUSE_URL"), 30)
    query = "SELECT uniqExact(event_id) FROM events WHERE trace_id = {trace:String}"
    while olap.query(query, parameters={"trace": trace}).result_rows[0][0] < BACKLOG:
        if time.monotonic() > began + _GIVE_UP_S:
            raise BenchFailed("ClickHouse did not catch up")
        time.sleep(_LOOK_S)
    olap.close()
    return rates[0], rates[1], BACKLOG / (time.monotonic() - began)


def _drained(conn: psycopg.Connection[tuple[object, ...]], trace: str, column: str) -> float:
    until = time.monotonic() + _GIVE_UP_S
    while time.monotonic() < until:
        row = conn.execute(_DRAINED.format(column=column).encode(), [trace]).fetchone()
        if row is not None and row[0] == BACKLOG:
            return BACKLOG / float(str(row[1]))
        time.sleep(0.5)
    raise BenchFailed(f"the backlog was not drained within {_GIVE_UP_S:g} s ({column})")
