"""Metrics: each declared once, every child of a closed label set initialised to 0 at import.

A counter that first appears at 500 does not fire a rule on increase(); the same series starting at 0 does.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Literal

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from ccops.backend import shared_metrics
from ccops.backend.core.config import settings

# When a child was made nobody asks, and it would be a third of all lines.
disable_created_metrics()  # type: ignore[no-untyped-call]
# Before the first metric: each finds out by itself where its numbers are kept.
shared_metrics.join_if_shared()

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "OTHER")
EVENT_TYPES = (
    "profile_update",
    "reward_granted",
    "streak_update",
    "achievement_progress",
    "stats_update",
    "user_action",
    "purchase_update",
    "event_progress",
)
SINKS = ("kafka", "realtime")
ROLES = ("kafka-relay", "realtime-relay", "ingester", "sweeper", "crash")
TOPIC_STEMS = (
    "actions.events",
    "games.rounds",
    "economy.ledger",
    "shop.transactions",
    "rewards.granted",
    "events.progress",
    "auth.security",
    "ops.dlq",
)
TABLES = ("events", "ledger", "game_rounds", "purchases", "rewards", "progress", "security")
INGEST_GROUPS = ("actions", "games", "economy", "shop", "players")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5)
MILLISECONDS = (1, 5, 10, 25, 50, 100, 250, 500, 750, 1000, 2500, 5000)


def counter(name: str, help_text: str, **closed: tuple[str, ...]) -> Counter:
    """Declare a counter; `closed` gives each label its values, and every combination starts at 0."""
    made = Counter(name, help_text, tuple(closed))
    for values in product(*closed.values()) if closed else ():
        made.labels(*values)
    return made


def gauge(
    name: str, help_text: str, *, across: Literal["livesum", "livemax"] = "livesum", **closed: tuple[str, ...]
) -> Gauge:
    """Declare a gauge, its children initialised like a counter's.

    `across` says what several processes have together: the sum of what each holds, or, of what each read from
    the database, the largest.
    """
    made = Gauge(name, help_text, tuple(closed), multiprocess_mode=across)
    for values in product(*closed.values()) if closed else ():
        made.labels(*values)
    return made


requests = Counter("http_requests_total", "Requests by route template.", ("handler", "method", "status"))
duration = Histogram(
    "http_request_duration_seconds", "Time to answer.", ("handler", "method"), buckets=SECONDS
)
in_progress = gauge("http_requests_in_progress", "Requests being answered.", method=METHODS)

auth_signup = counter(
    "auth_signup_total", "Signups.", result=("ok", "invite_rejected", "conflict", "invalid", "error")
)
auth_invite = counter(
    "auth_invite_code_total",
    "Invite codes presented (never the code itself).",
    result=("accepted", "unknown", "expired", "exhausted"),
    kind=("unlimited", "single", "none"),
)
auth_login = counter("auth_login_total", "Logins.", result=("ok", "bad_password", "unknown_user", "locked"))
auth_login_locked = counter("auth_login_locked_total", "Transitions of an account into the lock.")
auth_ip_locked = counter("auth_ip_locked_total", "Transitions of an address into the lock.")
auth_refresh = counter("auth_refresh_total", "Refreshes.", result=("rotated", "expired", "reused", "invalid"))
streak_claim = counter("streak_claim_total", "Streak claims.", result=("granted", "duplicate", "error"))
game_rounds = counter(
    "game_rounds_total",
    "Rounds played.",
    game=("slot", "gacha", "rps", "crash"),
    outcome=("win", "lose", "draw"),
)
PURCHASE_REASONS = (
    "", "insufficient_gold", "key_reused", "ended", "rank", "declined", "fraud", "sold_out", "limit",
    "review", "other",
)  # fmt: skip
purchase_attempt = counter(
    "purchase_attempt_total",
    "Purchases by flow, result and reason.",
    flow=("item", "gold_pack", "limited", "battle_pass", "webhook"),
    result=("pending", "success", "fail"),
    reason=PURCHASE_REASONS,
)
shop_buy_success = counter(
    "shop_buy_success_total",
    "Purchases that ended well.",
    product_type=("item", "gold_pack", "limited", "battle_pass"),
)
shop_buy_failed = counter("shop_buy_failed_total", "Purchases refused.", reason=PURCHASE_REASONS[1:])
shop_idempotent_replay = counter(
    "shop_idempotent_replay_total", "Repeated keys.", result=("match", "mismatch")
)

PAID_OUTSIDE = ("gold_pack", "limited", "battle_pass", "item")
purchase_pending = gauge(
    "purchase_pending",
    "Payments that wait for their provider.",
    across="livemax",
    flow=PAID_OUTSIDE,
)
payment_events = counter(
    "payment_events_total",
    "Payment events by what they did.",
    outcome=("processed", "duplicate", "unknown", "ignored", "review", "rejected"),
)
refunds = counter("refunds_total", "Refunds.", result=("done", "refused"))
fraud_blocked = counter(
    "fraud_blocked_total", "Purchases refused by the fraud window.", flow=("payment", "gold")
)
fraud_unchecked = counter(
    "fraud_unchecked_total", "Purchases let through because Redis did not answer.", flow=("payment", "gold")
)
payments_by_hand = counter(
    "payments_settled_by_hand_total", "Payments that a person decided.", decision=("approve", "reject")
)
limited_holds = counter(
    "limited_holds_total",
    "Holds of limited packages by what became of them.",
    result=("held", "captured", "released", "expired", "sold_out", "limit"),
)
promo_redeem = counter(
    "promo_redeem_total", "Promo codes.", result=("granted", "unknown", "used", "exhausted", "expired")
)
achievement_claim = counter(
    "achievement_claim_total", "Achievement claims.", result=("granted", "duplicate", "locked")
)
battlepass_claim = counter(
    "battlepass_claim_total", "Battle pass claims.", result=("granted", "duplicate", "locked")
)
reward_grant = counter("reward_grant_total", "Grants by administrators.", result=("granted", "duplicate"))
negative_balance = gauge("economy_negative_balance_users", "Wallets below zero: must be 0.", across="livemax")

ws_active = gauge("ws_active_connections", "Open sockets of /api/realtime/sync.")
ws_legacy = counter("ws_legacy_games_connections_total", "Attempts on the legacy games socket.")
ws_legacy_by_result = counter(
    "ws_legacy_games_connections_by_result_total",
    "Attempts on the legacy games socket by result.",
    result=("accepted", "rejected"),
)
realtime_lag = Histogram(
    "realtime_event_lag_ms", "From the outbox row to the socket write.", ("type",), buckets=MILLISECONDS
)
realtime_sent = counter("realtime_events_sent_total", "Frames written to sockets.", type=EVENT_TYPES)
realtime_throttled = counter(
    "realtime_events_throttled_total",
    "Frames not sent because a newer one of the same kind was waiting.",
    type=("profile_update", "stats_update"),
)
WS_CLOSE_CODES = ("1011", "1012", "1013", "4401", "4403", "4408", "4409", "4413", "4429", "4508")
ws_closed = counter("ws_closed_total", "Sockets that the service closed.", code=WS_CLOSE_CODES)
realtime_recovery = counter(
    "realtime_recovery_total", "Reconnects that asked for missed events.", result=("recovered", "snapshot")
)
realtime_slow_consumer = counter("realtime_slow_consumer_total", "Sockets closed for not reading.")

outbox_pending = gauge("outbox_pending", "Outbox rows that a sink has not taken yet.", sink=SINKS)
outbox_republished = counter("outbox_republished_total", "Rows sent again because the broker lost them.")
events_published = Counter("game_events_published_total", "Records acknowledged by the broker.", ("topic",))
events_publish_failed = Counter(
    "game_events_publish_failed_total", "Records the broker refused.", ("topic", "reason")
)
kafka_dlq = Counter("kafka_dlq_total", "Records given up after three tries.", ("topic",))
worker_role_up = gauge("worker_role_up", "1 while the role runs.", role=ROLES)
worker_role_failures = counter("worker_role_failures_total", "Exceptions that restarted a role.", role=ROLES)
ingest_rows = counter(
    "clickhouse_ingest_rows_total",
    "Rows written to ClickHouse.",
    table=TABLES,
    result=("ok", "error"),
    source=("live", "replay"),
)
ingest_last_success = gauge(
    "clickhouse_ingest_last_success_timestamp_seconds", "When the last batch was written.", table=TABLES
)
ingest_batch_seconds = Histogram(
    "clickhouse_ingest_batch_seconds",
    "Time to write a batch.",
    ("table",),
    buckets=(0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
)
ingest_lag = gauge(
    "olap_ingest_lag_seconds",
    "Age of the oldest event that ClickHouse does not have yet.",
    across="livemax",
    table=TABLES,
)
ingest_missing_ratio = gauge(
    "olap_ingest_missing_ratio",
    "Share of the events of the last hour, two minutes ago or older, that ClickHouse does not have.",
    across="livemax",
    table=TABLES,
)
ingest_checked = gauge(
    "olap_ingest_checked_events",
    "How many events the missing ratio rests on.",
    across="livemax",
    table=TABLES,
)
kafka_consumer_assigned = Gauge(
    "kafka_consumer_assigned_partitions",
    "Partitions that the ingester's consumer holds.",
    ("group",),
    multiprocess_mode="livemax",
)
kafka_last_message = Gauge(
    "kafka_consumer_last_message_timestamp_seconds",
    "When the ingester last took records of this group; 0 = not since it started.",
    ("group",),
    multiprocess_mode="livemax",
)
# Topics are closed as well; their names end with the environment.
for _stem in TOPIC_STEMS:
    events_published.labels(settings.topic(_stem))
    events_publish_failed.labels(settings.topic(_stem), "not_acknowledged")
    kafka_dlq.labels(settings.topic(_stem))
for _name in INGEST_GROUPS:
    kafka_consumer_assigned.labels(f"cc.{_name}.clickhouse.{settings.app_env}")
    kafka_last_message.labels(f"cc.{_name}.clickhouse.{settings.app_env}")
for _type in EVENT_TYPES:
    realtime_lag.labels(_type)
for _table in TABLES:
    ingest_batch_seconds.labels(_table)

registry = REGISTRY


def exposition() -> bytes:
    """Return Prometheus text: of this process, or of all that share its port."""
    folder = settings.prometheus_multiproc_dir
    return shared_metrics.exposition(Path(folder)) if folder else generate_latest(registry)
