"""The service's objectives: what is measured for each, in what window, and when that is enough to judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ccops.monitor.history import History
from ccops.monitor.quantile import buckets_of
from ccops.rules.thresholds import Resolved
from ccops.rules.values import canonical

JOB = "cc-webapp-backend"
# A health route says what other things are, and nobody waits for it.
API = f'job="{JOB}",handler=~"/api/.+",handler!~".+/health"'
READS = f'{API},method="GET"'
WRITES = f'{API},method=~"POST|PUT|PATCH|DELETE"'
P95 = 0.95


class Verdict(StrEnum):
    """INCONCLUSIVE: too little was seen to say either."""

    PASS = "PASS"  # noqa: S105 - a verdict
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One objective's verdict. `value` and `limit` are in `unit`; `samples` is what they rest on.

    threshold   where the limit comes from: a name and its origin, or the rule that has no number
    window      the time looked at; an objective may have one of its own
    """

    name: str
    title: str
    verdict: Verdict
    value: float | None
    relation: str
    limit: float
    unit: str
    samples: int
    needed: int
    window: str
    threshold: str
    source: str = "prometheus"
    note: str = ""
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds of an environment, by name."""

    resolved: Resolved

    def number(self, name: str) -> float:
        """Return a threshold's value."""
        return float(self.resolved.values[name])

    def origin(self, name: str) -> str:
        """Return name, value and where it was set."""
        resolved = self.resolved
        return f"{name}={canonical(resolved.values[name])} ({resolved.origins[name]})"


Measure = Callable[[History, Limits], Outcome]


def availability(history: History, limits: Limits) -> Outcome:
    """The share of API answers that are no error of the server."""
    name = "SLO_API_AVAILABILITY_PERCENT"
    total = sum(history.growth(f"http_requests_total{{{API}}}").values())
    errors = sum(history.growth(f'http_requests_total{{{API},status=~"5.+"}}').values())
    value = 100 * (1 - errors / total) if total else None
    limit, needed = limits.number(name), round(limits.number("SLO_MIN_REQUESTS"))
    return Outcome(
        "availability", "API answers that are no 5xx", _judged(value, total, needed, lambda v: v >= limit),
        value, ">=", limit, "%", round(total), needed, history.window.text, limits.origin(name),
        note=f"{errors:.0f} of {total:.0f} answers were a 5xx" if errors else "",
    )  # fmt: skip


def read_p95(history: History, limits: Limits) -> Outcome:
    """The 95th percentile of the time that reads take."""
    needed = limits.number("SLO_MIN_REQUESTS")
    metric = f"http_request_duration_seconds_bucket{{{READS}}}"
    return _p95("read_p95", "Reads, P95", history, limits, metric, 0.001, "ALERT_API_READ_P95_MS", needed)


def write_p95(history: History, limits: Limits) -> Outcome:
    """The 95th percentile of the time that writes take."""
    needed = limits.number("SLO_MIN_REQUESTS")
    metric = f"http_request_duration_seconds_bucket{{{WRITES}}}"
    return _p95("write_p95", "Writes, P95", history, limits, metric, 0.001, "ALERT_API_WRITE_P95_MS", needed)


def ws_lag_p95(history: History, limits: Limits) -> Outcome:
    """The 95th percentile of the way from the outbox row to the socket."""
    needed = limits.number("ALERT_WS_MIN_EVENTS")
    metric = f'realtime_event_lag_ms_bucket{{job="{JOB}"}}'
    return _p95(
        "ws_lag_p95", "Events to sockets, P95", history, limits, metric, 1, "ALERT_WS_LAG_P95_MS", needed
    )


def _p95(
    name: str,
    title: str,
    history: History,
    limits: Limits,
    metric: str,
    unit: float,
    threshold: str,
    needed: float,
) -> Outcome:
    """Judge by the share within the limit where that is a bucket's bound: exact where P95 is an estimate."""
    buckets = buckets_of(history.growth(metric, by="le"))
    limit = limits.number(threshold)
    share, found = buckets.share_within(limit * unit), buckets.quantile(P95)
    value = None if found is None else found / unit

    def holds(estimate: float) -> bool:
        return share >= P95 if share is not None else estimate <= limit

    note = f"{100 * share:.2f} % within {limit:g} ms" if share is not None else "estimated within a bucket"
    return Outcome(
        name, title, _judged(value, buckets.total, round(needed), holds), value, "<=", limit, "ms",
        round(buckets.total), round(needed), history.window.text, limits.origin(threshold),
        note=note if buckets.total else "",
    )  # fmt: skip


def olap_loss(history: History, limits: Limits) -> Outcome:
    """The share of events that ClickHouse does not have; the ingester compares ids and says how many."""
    tables = f'job="{JOB}"'
    name = "ALERT_CH_LOSS_MAX_PERCENT"
    missing = _now(history, f"max by (table) (olap_ingest_missing_ratio{{{tables}}})")
    checked = _now(history, f"max by (table) (olap_ingest_checked_events{{{tables}}})")
    total = sum(checked.values())
    lost = sum(ratio * checked.get(table, 0.0) for table, ratio in missing.items())
    value = 100 * lost / total if total else None
    limit, needed = limits.number(name), round(limits.number("ALERT_CH_MIN_VOLUME"))
    worst = max(missing, key=lambda table: missing[table], default="")
    return Outcome(
        "olap_loss", "Events missing from ClickHouse",
        _judged(value, total, needed, lambda v: v <= limit), value, "<=", limit, "%", round(total), needed,
        "1h, older than 2m", limits.origin(name),
        note=f"most in {worst}: {100 * missing[worst]:.2f} %" if lost else "",
    )  # fmt: skip


def _now(history: History, expr: str) -> dict[str, float]:
    from ccops.monitor.live import ask_by

    return ask_by(history.client, expr, "table", history.window.end)


def _judged(value: float | None, samples: float, needed: float, holds: Callable[[float], bool]) -> Verdict:
    if value is None or samples < needed or samples <= 0:
        return Verdict.INCONCLUSIVE
    return Verdict.PASS if holds(value) else Verdict.FAIL


MEASURES: tuple[Measure, ...] = (availability, read_p95, write_p95, ws_lag_p95, olap_loss)
METRICS = (
    "http_requests_total",
    "http_request_duration_seconds",
    "realtime_event_lag_ms",
    "shop_idempotent_replay_total",
    "olap_ingest_missing_ratio",
    "olap_ingest_checked_events",
    "economy_negative_balance_users",
)
