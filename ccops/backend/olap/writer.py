"""Records of one topic into their table: insert them all, or find the ones that never can be."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import Message

from ccops.backend.olap.clickhouse_client import BadBatch, ClickHouse
from ccops.backend.olap.dead_letters import Loss
from ccops.backend.olap.tables import BadRecord, Row, Table, row_of

TRIES = 3


@dataclass(frozen=True, slots=True)
class Readable:
    """What a batch holds for one table: rows with the records they came from, and what is no row."""

    table: Table
    rows: list[tuple[Row, Message]]
    losses: list[Loss]

    @property
    def oldest(self) -> str:
        """Return the `ts` of the oldest event; an empty text without rows."""
        return min((str(row["ts"]) for row, _ in self.rows), default="")


def read(table: Table, batch: Sequence[Message]) -> Readable:
    """Read the records of one topic."""
    found = Readable(table, [], [])
    for message in batch:
        try:
            found.rows.append((_row(table, message), message))
        except BadRecord as error:
            found.losses.append(Loss(message, str(error)))
    return found


def write(store: ClickHouse, table: Table, rows: Sequence[tuple[Row, Message]]) -> list[Loss]:
    """Insert the rows and return those that ClickHouse refuses; raises StoreDown, then write it all again.

    One bad row refuses its whole batch: halves show which one it is in a few inserts, where trying every
    row would take longer than the group waits for us.
    """
    try:
        store.insert(table, [row for row, _ in rows], token([row for row, _ in rows]))
    except BadBatch as error:
        if len(rows) > 1:
            half = len(rows) // 2
            return write(store, table, rows[:half]) + write(store, table, rows[half:])
        reason = _refusal(store, table, rows[0][0], str(error))
        return [Loss(rows[0][1], reason)] if reason else []
    return []


def _refusal(store: ClickHouse, table: Table, row: Row, reason: str) -> str:
    """Try the row again and return why ClickHouse refuses it, or nothing."""
    for _ in range(TRIES - 1):
        try:
            store.insert(table, [row], token([row]))
        except BadBatch as error:
            reason = str(error)
        else:
            return ""
    return reason


def token(rows: Sequence[Row]) -> str:
    """Return the deduplication token: topic-partition-first-last of each partition, and what lies there.

    The digest of the event ids is needed because a broker that lost records gives their offsets to others.
    """
    spans: dict[object, tuple[object, object]] = {}
    for row in rows:
        first, _ = spans.get(row["partition"], (row["offset"], None))
        spans[row["partition"]] = (first, row["offset"])
    ids = hashlib.sha256("".join(str(row["event_id"]) for row in rows).encode()).hexdigest()[:16]
    places = ",".join(f"{part}-{first}-{last}" for part, (first, last) in spans.items())
    return f"{rows[0]['topic']}-{places}-{ids}"


def _row(table: Table, message: Message) -> Row:
    value = message.value()
    raw = value.encode() if isinstance(value, str) else value
    return row_of(table, raw, message.topic() or "", message.partition() or 0, message.offset() or 0)
