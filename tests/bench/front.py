"""The ClickHouse front: one question through an unmodified client."""

from __future__ import annotations

import time

import clickhouse_connect

from tests.bench.figures import Figure, figure, percentile
from tests.bench.plan import Context

QUERIES = 200
WARM_UP = 20


def bench(context: Context) -> list[Figure]:
    """Ask `SELECT 1` over and over on one connection."""
    client = clickhouse_connect.get_client(dsn=context.stack.get().url("CCOPS_CLICKHOUSE_URL"))

    def ask() -> float:
        began = time.perf_counter()
        rows = client.query("SELECT 1").result_rows
        elapsed = time.perf_counter() - began
        assert [tuple(row) for row in rows] == [(1,)]
        return 1000 * elapsed

    try:
        for _ in range(WARM_UP):
            ask()
        rounds = [[ask() for _ in range(QUERIES)] for _ in range(context.runs)]
    finally:
        client.close()
    text = f"{QUERIES} queries a round through clickhouse-connect, client included"
    return [
        figure("SELECT 1, p50", "ms", [percentile(one, 0.5) for one in rounds], text, target=10),
        figure("SELECT 1, p95", "ms", [percentile(one, 0.95) for one in rounds], text),
    ]
