"""The front's own counters in Prometheus text."""

from __future__ import annotations

import time
from collections import Counter
from threading import Lock

_HEAD = """\
# HELP clickhouse_front_info The engine behind the front.
# TYPE clickhouse_front_info gauge
clickhouse_front_info{{engine="chdb",version="{version}"}} 1
# HELP clickhouse_front_uptime_seconds Seconds since the front became ready.
# TYPE clickhouse_front_uptime_seconds gauge
clickhouse_front_uptime_seconds {uptime:.3f}
# HELP clickhouse_front_queries_in_flight Queries running now.
# TYPE clickhouse_front_queries_in_flight gauge
clickhouse_front_queries_in_flight {in_flight}
# HELP clickhouse_front_inserted_rows_total Rows written by INSERT with data.
# TYPE clickhouse_front_inserted_rows_total counter
clickhouse_front_inserted_rows_total {inserted_rows}
# HELP clickhouse_front_query_seconds Time spent in queries.
# TYPE clickhouse_front_query_seconds summary
clickhouse_front_query_seconds_sum {seconds:.6f}
clickhouse_front_query_seconds_count {count}
# HELP clickhouse_front_queries_total Finished queries by kind.
# TYPE clickhouse_front_queries_total counter
"""
_ERRORS = """\
# HELP clickhouse_front_errors_total Failed requests by ClickHouse error code.
# TYPE clickhouse_front_errors_total counter
"""
KINDS = ("select", "insert", "other")


class Metrics:
    """Counts what passes; thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._started = time.monotonic()
        self._queries = Counter[str](dict.fromkeys(KINDS, 0))
        self._errors = Counter[int]()
        self._inserted_rows = 0
        self._seconds = 0.0
        self.in_flight = 0

    def started(self) -> float:
        """A query starts; returns the moment to hand to `finished`."""
        with self._lock:
            self.in_flight += 1
        return time.perf_counter()

    def finished(self, since: float, kind: str, inserted_rows: int) -> None:
        """A query ended, well or not."""
        with self._lock:
            self.in_flight -= 1
            self._queries[kind] += 1
            self._seconds += time.perf_counter() - since
            self._inserted_rows += inserted_rows

    def failed(self, code: int) -> None:
        """A request was answered with this error code."""
        with self._lock:
            self._errors[code] += 1

    def render(self, version: str) -> str:
        """The text that /metrics answers."""
        with self._lock:
            lines = [
                _HEAD.format(
                    version=version,
                    uptime=time.monotonic() - self._started,
                    in_flight=self.in_flight,
                    inserted_rows=self._inserted_rows,
                    seconds=self._seconds,
                    count=self._queries.total(),
                )
            ]
            lines += [f'clickhouse_front_queries_total{{kind="{k}"}} {n}\n' for k, n in self._queries.items()]
            lines.append(_ERRORS)
            lines += [
                f'clickhouse_front_errors_total{{code="{c}"}} {n}\n' for c, n in sorted(self._errors.items())
            ]
        return "".join(lines)
