"""The ClickHouse tables, and how a Kafka record becomes a row of one of them.

The partition key is a function of the event's own time only, so a replayed event meets its twin and
ReplacingMergeTree keeps one. Reads that count use FINAL or uniqExact(event_id).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson

from ccops.backend.olap import columns
from ccops.backend.olap.columns import BadRecord, Data, Row, number, text

__all__ = ["TABLES", "VIEWS", "BadRecord", "Row", "Table", "View", "row_of"]

_COMMON = """
    event_id UUID,
    trace_id String,
    day Date,
    ts DateTime64(3, 'UTC'),
    ingested_at DateTime64(3, 'UTC'),
    user_id UInt64,
    {own},
    topic LowCardinality(String),
    `partition` Int32,
    `offset` Int64
"""
_ENGINE = """
ENGINE = ReplacingMergeTree(ingested_at) PARTITION BY toYYYYMM(day) ORDER BY ({order})
TTL day + INTERVAL 400 DAY SETTINGS non_replicated_deduplication_window = 1000
"""
_BY_USER = "user_id, day, event_id"
# What a Date can say. Beyond it ClickHouse takes the nearest day without a word.
_YEARS = range(1970, 2149)


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its own columns, its sorting key, and what it takes from a record's type and `data`."""

    name: str
    own: str
    order: str
    read: Callable[[str, Data], Row]

    def ddl(self, database: str) -> str:
        """Return the CREATE statement."""
        every, engine = _COMMON.format(own=self.own), _ENGINE.format(order=self.order)
        return f"CREATE TABLE IF NOT EXISTS `{database}`.{self.name} ({every}) {engine}"


@dataclass(frozen=True, slots=True)
class View:
    """A question with a name; it is asked anew each time, so it can't count an event twice."""

    name: str
    query: str

    def ddl(self, database: str) -> str:
        """Return the CREATE statement."""
        query = self.query.format(database=f"`{database}`")
        return f"CREATE VIEW IF NOT EXISTS `{database}`.{self.name} AS {query}"


def row_of(table: Table, value: bytes | None, topic: str, partition: int, offset: int) -> Row:
    """Return the row of a record; raises BadRecord when there can't be one."""
    try:
        body = orjson.loads(value or b"")
        data, moment = body["data"], _instant(body["ts"])
        row: Row = {
            "event_id": str(UUID(body["event_id"])),
            "trace_id": text(body, "trace_id"),
            "day": moment.date().isoformat(),
            "ts": _moment(moment),
            "ingested_at": _moment(datetime.now(UTC)),
            "user_id": number(body, "user_id", low=0),
            **table.read(text(body, "type"), data),
        }
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise BadRecord(f"{type(error).__name__}: {error}"[:300]) from error
    return row | {"topic": topic, "partition": partition, "offset": offset}


def _instant(said: str) -> datetime:
    moment = datetime.fromisoformat(said)
    if moment.tzinfo is None:
        raise BadRecord("ts has no time zone")  # ours would be a guess, and the machine's zone would decide
    moment = moment.astimezone(UTC)
    if moment.year not in _YEARS:
        raise BadRecord("ts is outside of what a Date can hold")
    return moment


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


EVENTS = Table(
    "events",
    "action_type LowCardinality(String), game LowCardinality(String), amount Int64, "
    "context String CODEC(ZSTD)",
    "action_type, day, user_id, event_id",
    columns.action,
)
LEDGER = Table(
    "ledger",
    "seq UInt64, delta Int64, balance_after Int64, counter_account LowCardinality(String), "
    "reason LowCardinality(String), ref_type LowCardinality(String), ref_id String",
    _BY_USER,
    columns.ledger,
)
GAME_ROUNDS = Table(
    "game_rounds",
    "round_id UUID, game LowCardinality(String), bet Int64, payout Int64, "
    "outcome String CODEC(ZSTD), nonce UInt64",
    _BY_USER,
    columns.game_round,
)
PURCHASES = Table(
    "purchases",
    "transaction_id UUID, status LowCardinality(String), product_id LowCardinality(String), "
    "kind LowCardinality(String), qty UInt32, amount_gold Int64, amount_cents Int64, "
    "reason LowCardinality(String)",
    _BY_USER,
    columns.purchase,
)
REWARDS = Table(
    "rewards",
    "reward_type LowCardinality(String), amount Int64, balance_after Int64, "
    "source LowCardinality(String), ledger_seq UInt64",
    _BY_USER,
    columns.reward,
)
PROGRESS = Table(
    "progress",
    "kind LowCardinality(String), subject LowCardinality(String), progress UInt64, goal UInt64, "
    "unlocked Bool, claimed Bool",
    _BY_USER,
    columns.progress,
)
SECURITY = Table(
    "security",
    "event LowCardinality(String), result LowCardinality(String), sessions UInt32, "
    "rank LowCardinality(String), previous_rank LowCardinality(String)",
    _BY_USER,
    columns.security,
)
TABLES = (EVENTS, LEDGER, GAME_ROUNDS, PURCHASES, REWARDS, PROGRESS, SECURITY)

# Totals a day. A view over deduplicated rounds: what sums on insert would count a replayed round again.
# RPS says in its outcome who won, as a draw gives the bet back; every other game wins when it pays.
GAME_STATS = View(
    "game_stats",
    "SELECT day AS date, user_id, game,"
    " countIf(if(result = '', payout > 0, result = 'win')) AS wins,"
    " countIf(if(result = '', payout = 0, result = 'lose')) AS losses,"
    " sum(bet) AS wagered, sum(payout) AS paid"
    " FROM (SELECT *, JSONExtractString(outcome, 'result') AS result FROM {database}.game_rounds FINAL)"
    " GROUP BY date, user_id, game",
)
VIEWS = (GAME_STATS,)
