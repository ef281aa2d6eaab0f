"""Compare the three sides bucket by bucket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ccops.data.reconcile_ids import BUCKETS, Entry, Ids, Kinds, State
from ccops.data.reconcile_model import Tally, Topic

MAX_DOUBTS = 20_000  # this many ids of a kind are looked up a second time; more can't be bad luck
MAX_REPAIR = 100_000
# A row of an older day has no outbox row: its own table's clock may differ from the record's by this much.
_EDGE_MS = 5_000


@dataclass(slots=True)
class Sides:
    """The ids of each side; `clickhouse` is None for a topic without a table."""

    postgres: Ids
    kafka: Ids
    clickhouse: Ids | None


@dataclass(frozen=True, slots=True)
class Missing:
    """An event of PostgreSQL that a side did not show."""

    entry: Entry
    record: bool  # Kafka has none
    row: bool  # ClickHouse has none


@dataclass(slots=True)
class Doubts:
    """What may only look wrong because the sides were read one after the other: it is looked up again."""

    missing: dict[bytes, Missing] = field(default_factory=dict)
    foreign_kafka: dict[bytes, int] = field(default_factory=dict)  # id -> ms
    foreign_clickhouse: dict[bytes, int] = field(default_factory=dict)


class Comparison:
    """One topic. `fresh_ms`: what happened at or after this moment may still be on its way."""

    def __init__(
        self, topic: Topic, kinds: Kinds, *, fresh_ms: int, kept_ms: int, edges: tuple[int, int]
    ) -> None:
        self.topic, self.doubts = topic, Doubts()
        self._kinds, self._fresh_ms, self._kept_ms, self._edges = kinds, fresh_ms, kept_ms, edges

    def run(self, sides: Sides) -> None:
        """Count what is everywhere; what is not goes to `doubts`."""
        for number in range(BUCKETS):
            expected: dict[bytes, Entry] = {}
            for entry in sides.postgres.bucket(number):
                expected.setdefault(entry.ident, entry)
            kafka = list(sides.kafka.bucket(number))
            clickhouse = list(sides.clickhouse.bucket(number)) if sides.clickhouse else []
            self._expected(
                expected, Counter(one.ident for one in kafka), clickhouse, sides.clickhouse is not None
            )
            self._strangers(expected, kafka, self.doubts.foreign_kafka, "kafka")
            self._strangers(expected, clickhouse, self.doubts.foreign_clickhouse, "clickhouse")

    def _expected(
        self, expected: dict[bytes, Entry], kafka: Counter[bytes], rows: list[Entry], with_table: bool
    ) -> None:
        clickhouse = Counter(one.ident for one in rows)
        for ident, entry in expected.items():
            records, merged = kafka[ident], clickhouse[ident]
            for tally in self.tallies(entry):
                tally.events += 1
                tally.in_kafka += bool(records)
                tally.in_clickhouse += bool(merged)
                tally.repeated_kafka += max(0, records - 1)
                tally.doubled_clickhouse += max(0, merged - 1)
            if merged > 1:
                self.topic.sample("doubled_clickhouse", ident)
            self._missing(Missing(entry, not records, with_table and not merged))

    def _missing(self, one: Missing) -> None:
        if one.record and one.entry.state == State.EXPIRED:
            self._count(one.entry, "expired")
            one = replace(one, record=False)
        if not one.record and not one.row:
            return
        if self._on_its_way(one.entry):
            self._count(one.entry, "fresh")
        elif len(self.doubts.missing) < MAX_DOUBTS:
            self.doubts.missing[one.entry.ident] = one
        else:
            self.lose(one)

    def _on_its_way(self, entry: Entry) -> bool:
        since, until = self._edges
        near = min(entry.ms - since, until - entry.ms) < _EDGE_MS
        return entry.ms >= self._fresh_ms or (entry.state == State.NO_OUTBOX and near)

    def _strangers(
        self, expected: dict[bytes, Entry], found: list[Entry], kept: dict[bytes, int], side: str
    ) -> None:
        for ident, ms in {one.ident: one.ms for one in found}.items():
            if ident in expected:
                continue
            if len(kept) < MAX_DOUBTS:
                kept[ident] = ms
            else:
                self.stranger(ident, ms, side)

    def stranger(self, ident: bytes, ms: int, side: str) -> None:
        """Count an id that PostgreSQL does not have; older than it keeps, nothing can be said."""
        if ms < self._kept_ms and not self.topic.path.source:
            self.topic.tally.unverifiable += 1
            return
        name = f"foreign_{side}"
        setattr(self.topic.tally, name, getattr(self.topic.tally, name) + 1)
        self.topic.sample(name, ident)

    def lose(self, one: Missing) -> None:
        """Count a loss. What the outbox says is acknowledged can be sent again."""
        entry = one.entry
        self._count(entry, "lost")
        for name, missing in (("missing_kafka", one.record), ("missing_clickhouse", one.row)):
            if missing:
                self._count(entry, name)
                self.topic.sample(name, entry.ident)
        if one.record and entry.state == State.PENDING:
            self._count(entry, "pending")
        if entry.state in {State.ACKED, State.EXPIRED}:
            if len(self.topic.repair) < MAX_REPAIR:
                self.topic.repair.append(entry.ident)
            else:
                self.topic.cut = True

    def resolve(self, one: Missing, *, record: bool, row: bool) -> None:
        """Count what the second look said: whether a record, and a row, is there now."""
        for tally in self.tallies(one.entry):
            tally.in_kafka += one.record and record
            tally.in_clickhouse += one.row and row
        left = replace(one, record=one.record and not record, row=one.row and not row)
        if left.record or left.row:
            self.lose(left)

    def tallies(self, entry: Entry) -> Iterator[Tally]:
        """Yield where an event counts: the topic, and its word of the breakdown."""
        yield self.topic.tally
        if entry.kind:
            yield self.topic.kinds.setdefault(self._kinds.words[entry.kind], Tally())

    def _count(self, entry: Entry, name: str) -> None:
        for tally in self.tallies(entry):
            setattr(tally, name, getattr(tally, name) + 1)
