"""The ClickHouse tables, and how a Kafka record becomes a row of one of them.

The partition key is a function of the event's own time only, so a replayed event meets its twin and
ReplacingMergeTree keeps one. Reads that count use FINAL or uniqExact(event_id).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson

Row = dict[str, object]
Data = Mapping[str, object]

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


class BadRecord(ValueError):
    """A record that can never become a row."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its own columns, its sorting key, and what it takes from a record's `data`."""

    name: str
    own: str
    order: str
    read: Callable[[Data], Row]

    def ddl(self, database: str) -> str:
        """Return the CREATE statement."""
        columns, engine = _COMMON.format(own=self.own), _ENGINE.format(order=self.order)
        return f"CREATE TABLE IF NOT EXISTS `{database}`.{self.name} ({columns}) {engine}"


def row_of(table: Table, value: bytes | None, topic: str, partition: int, offset: int) -> Row:
    """Return the row of a record; raises BadRecord when there can't be one."""
    try:
        body = orjson.loads(value or b"")
        data, moment = body["data"], _instant(body["ts"])
        row: Row = {
            "event_id": str(UUID(body["event_id"])),
            "trace_id": _text(body, "trace_id"),
            "day": moment.date().isoformat(),
            "ts": _moment(moment),
            "ingested_at": _moment(datetime.now(UTC)),
            "user_id": _number(body, "user_id", low=0),
            **table.read(data),
        }
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise BadRecord(f"{type(error).__name__}: {error}"[:300]) from error
    return row | {"topic": topic, "partition": partition, "offset": offset}


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise BadRecord("ts has no time zone")  # ours would be a guess, and the machine's zone would decide
    return moment.astimezone(UTC)


def _action(data: Data) -> Row:
    context = data.get("context")
    known: Data = context if isinstance(context, Mapping) else {}
    game, amount = known.get("game"), known.get("bet", known.get("amount"))
    return {
        "action_type": _text(data, "action_type"),
        "game": game if isinstance(game, str) else "",
        "amount": amount if _is_int64(amount) else 0,
        "context": orjson.dumps(context).decode(),
    }


def _ledger(data: Data) -> Row:
    texts = ("counter_account", "reason", "ref_type", "ref_id")
    return {
        "seq": _number(data, "seq", low=1),
        "delta": _number(data, "delta"),
        "balance_after": _number(data, "balance_after", low=0),
        **{name: _text(data, name) for name in texts},
    }


def _round(data: Data) -> Row:
    return {
        "round_id": str(UUID(_text(data, "round_id"))),
        "game": _text(data, "game"),
        "bet": _number(data, "bet", low=1),
        "payout": _number(data, "payout", low=0),
        "outcome": orjson.dumps(data.get("outcome")).decode(),
        "nonce": _number(data, "nonce", low=0),
    }


def _purchase(data: Data) -> Row:
    amounts = ("amount_gold", "amount_cents")
    return {
        "transaction_id": str(UUID(_text(data, "transaction_id"))),
        "status": _text(data, "status"),
        "product_id": _text(data, "product_id"),
        "kind": _text(data, "kind"),
        "qty": _number(data, "qty", low=1),
        **{name: _number(data, name) if data.get(name) is not None else 0 for name in amounts},
        "reason": _text(data, "reason") if data.get("reason") is not None else "",
    }


EVENTS = Table(
    "events",
    "action_type LowCardinality(String), game LowCardinality(String), amount Int64, "
    "context String CODEC(ZSTD)",
    "action_type, day, user_id, event_id",
    _action,
)
LEDGER = Table(
    "ledger",
    "seq UInt64, delta Int64, balance_after Int64, counter_account LowCardinality(String), "
    "reason LowCardinality(String), ref_type LowCardinality(String), ref_id String",
    "user_id, day, event_id",
    _ledger,
)
GAME_ROUNDS = Table(
    "game_rounds",
    "round_id UUID, game LowCardinality(String), bet Int64, payout Int64, "
    "outcome String CODEC(ZSTD), nonce UInt64",
    "user_id, day, event_id",
    _round,
)
PURCHASES = Table(
    "purchases",
    "transaction_id UUID, status LowCardinality(String), product_id LowCardinality(String), "
    "kind LowCardinality(String), qty UInt32, amount_gold Int64, amount_cents Int64, "
    "reason LowCardinality(String)",
    "user_id, day, event_id",
    _purchase,
)
TABLES = (EVENTS, LEDGER, GAME_ROUNDS, PURCHASES)


def _text(data: Data, name: str) -> str:
    value = data[name]
    if not isinstance(value, str):
        raise BadRecord(f"{name} is not a string")
    return value


def _number(data: Data, name: str, *, low: int = -(2**63)) -> int:
    value = data[name]
    if not isinstance(value, int) or not _is_int64(value) or value < low:
        raise BadRecord(f"{name} is not a number in range")
    return value


def _is_int64(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
