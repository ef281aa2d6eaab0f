"""What each system keeps of the events of a trace, one stop an event and system."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ccops.core.errors import CcopsError
from ccops.smoke.engine_session import sentence
from ccops.smoke.engine_systems import Systems
from ccops.smoke.probes.base import Look, Observation, QueryFailed
from ccops.smoke.probes.kafka import Position, read_records

YOUNG_SECONDS = 5.0  # an event may take so long to reach its last system

_SOURCE = """
SELECT id, event_id::text AS event_id, extract(epoch FROM created_at) * 1000 AS at_ms
  FROM {table} WHERE event_id = ANY(:events ::uuid[])"""
_ANALYTIC = """
SELECT toString(event_id) AS event_id, count() AS copies, min(toUnixTimestamp64Milli(ingested_at)) AS at_ms
  FROM {table} FINAL WHERE trace_id = {{trace:String}} GROUP BY event_id"""

# Domain of the topic -> its table in PostgreSQL and in ClickHouse.
_SOURCES = {"economy": "gold_ledger", "actions": "user_actions", "games": "game_rounds"}
_ANALYTICS = {"economy": "ledger", "actions": "events", "games": "game_rounds", "shop": "purchases"}

Row = Mapping[str, object]


class State(StrEnum):
    """What was found at one stop."""

    SEEN = "seen"
    MISSING = "missing"
    LATE = "not yet"  # so young that it may still come
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Hop:
    """One stop: the system, what is there, where to find it, and how long after the trace's first event."""

    system: str
    event_id: str
    what: str
    evidence: str
    state: State
    since_ms: float | None = None

    def line(self) -> str:
        """Return the stop as a line for people."""
        mark = {State.SEEN: "✓", State.MISSING: "✗", State.UNKNOWN: "?", State.LATE: "…"}[self.state]
        since = "" if self.since_ms is None else f"{self.since_ms:+.0f} ms"
        said = self.what if self.state is State.SEEN else f"{self.what}: {self.state.value}"
        return f"{mark} {self.system:<11} {since:>9}  {said}  {self.evidence}".rstrip()


async def sources_stops(systems: Systems, rows: Sequence[Row], base: float) -> list[Hop]:
    sql, hops = await systems.sql(), []
    for domain, table in _SOURCES.items():
        events = [str(row["event_id"]) for row in rows if _domain(row) == domain]
        if not events:
            continue
        found = await sql.rows(_SOURCE.format(table=table), {"events": events})
        by_event = {str(one["event_id"]): one for one in found}
        for event in events:
            one = by_event.get(event)
            if one is None:
                hops.append(Hop("postgres", event, table, "", State.MISSING))
            else:
                place = f"{table}:id={one['id']}"
                hops.append(Hop("postgres", event, table, place, State.SEEN, number(one["at_ms"]) - base))
    return hops


async def kafka_stops(systems: Systems, rows: Sequence[Row], base: float) -> list[Hop]:
    positions = {
        event: place for row in rows if (place := _position(row)) for event in [str(row["event_id"])]
    }
    try:
        bootstrap = systems.targets.url("kafka")
        found = (
            await asyncio.to_thread(read_records, bootstrap, list(positions.values())) if positions else {}
        )
    except CcopsError as error:
        return [Hop("kafka", event, "record", sentence(error), State.UNKNOWN) for event in positions]
    hops = []
    for row in rows:
        if row["topic"]:
            event = str(row["event_id"])
            position = positions.get(event)
            hops.append(_record_hop(row, position, found.get(position) if position else None, base))
    return hops


def _record_hop(row: Row, position: Position | None, record: Observation | None, base: float) -> Hop:
    event = str(row["event_id"])
    if position is None:
        return Hop("kafka", event, f"record of {row['topic']}", "not acknowledged", _absent([row], event))
    place = ":".join(str(part) for part in position)
    if record is None:
        return Hop("kafka", event, "record", f"{place} is not on the broker", State.MISSING)
    if str(record.data["event_id"]) != event:
        other = f"{place} holds event {record.data['event_id']}"
        return Hop("kafka", event, "record", other, State.MISSING)
    return Hop("kafka", event, "record", place, State.SEEN, number(row["acked_ms"]) - base)


async def clickhouse_stops(systems: Systems, rows: Sequence[Row], base: float, trace: str) -> list[Hop]:
    hops: list[Hop] = []
    for domain, table in _ANALYTICS.items():
        events = [str(row["event_id"]) for row in rows if _domain(row) == domain]
        if not events:
            continue
        try:
            probe = await systems.clickhouse()
            found = await probe.rows(_ANALYTIC.format(table=table), {"trace": trace})
        except (CcopsError, QueryFailed) as error:
            hops += [Hop("clickhouse", event, table, sentence(error), State.UNKNOWN) for event in events]
            continue
        by_event = {str(one["event_id"]): one for one in found}
        for event in events:
            one = by_event.get(event)
            if one is None:
                hops.append(Hop("clickhouse", event, table, "", _absent(rows, event)))
            else:
                since = number(one["at_ms"]) - base
                hops.append(Hop("clickhouse", event, table, f"{table}:event_id={event}", State.SEEN, since))
    return hops


async def redis_stops(systems: Systems, rows: Sequence[Row], base: float) -> list[Hop]:
    frames: dict[str, tuple[str, str]] = {}
    wanted = [row for row in rows if row["realtime"]]
    try:
        probe = await systems.redis() if wanted else None
        for user in {row["user_id"] for row in wanted}:
            key = f"rt:{user}:s"
            for one in await probe.observe(Look({"key": key})) if probe else ():
                frames[_event_of(one)] = (key, str(one.data["id"]))
    except (CcopsError, QueryFailed) as error:
        return [Hop("redis", str(row["event_id"]), "frame", sentence(error), State.UNKNOWN) for row in wanted]
    hops = []
    for row in wanted:
        event = str(row["event_id"])
        if event in frames:
            key, place = frames[event]
            since = number(row["pushed_ms"]) - base if row["pushed_ms"] is not None else None
            hops.append(Hop("redis", event, f"{row['type']} frame", f"{key} {place}", State.SEEN, since))
        else:
            said = "not pushed" if row["pushed_ms"] is None else "marked as pushed, not in the stream"
            state = _absent([row], event) if row["pushed_ms"] is None else State.MISSING
            hops.append(Hop("redis", event, f"{row['type']} frame", said, state))
    return hops


def _absent(rows: Sequence[Row], event: str) -> State:
    """Return how to call the absence of `event` somewhere: it may be too young to be missed."""
    age = next(number(row["age_s"]) for row in rows if str(row["event_id"]) == event)
    return State.LATE if age < YOUNG_SECONDS else State.MISSING


def _event_of(one: Observation) -> str:
    fields = one.data.get("fields")
    for text in fields.values() if isinstance(fields, Mapping) else ():
        try:
            frame = json.loads(str(text))
        except ValueError:
            continue
        if isinstance(frame, Mapping) and "event_id" in frame:
            return str(frame["event_id"])
    return ""


def _domain(row: Row) -> str:
    """Return the domain of the event's topic: `cc.<domain>.<purpose>.<env>`."""
    parts = str(row["topic"] or "").split(".")
    return parts[1] if len(parts) == 4 else ""


def _position(row: Row) -> Position | None:
    partition, offset = row["kafka_partition"], row["kafka_offset"]
    if not row["topic"] or not isinstance(partition, int) or not isinstance(offset, int):
        return None
    return str(row["topic"]), partition, offset


def number(value: object) -> float:
    return float(str(value)) if value is not None else 0.0
