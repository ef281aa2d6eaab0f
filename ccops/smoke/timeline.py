"""The path of an event or a trace through all systems, put together from what each of them keeps."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from ccops.core.errors import CcopsError
from ccops.smoke.engine_session import Witness, sentence
from ccops.smoke.engine_systems import Systems
from ccops.smoke.probes.base import QueryFailed
from ccops.smoke.timeline_stops import (
    Hop,
    State,
    clickhouse_stops,
    kafka_stops,
    number,
    redis_stops,
    sources_stops,
)

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_WITNESS_SECONDS = 4.0

_OUTBOX = """
SELECT id, event_id::text AS event_id, trace_id, request_id, user_id, type, topic, realtime,
       extract(epoch FROM created_at) * 1000 AS created_ms, kafka_partition, kafka_offset,
       extract(epoch FROM kafka_acked_at) * 1000 AS acked_ms,
       extract(epoch FROM pushed_at) * 1000 AS pushed_ms,
       extract(epoch FROM clock_timestamp() - created_at) AS age_s
  FROM outbox WHERE {column} = :ident ORDER BY id"""


@dataclass(frozen=True, slots=True)
class Path:
    """All stops of a trace; `complete` when no system lacks what it should have."""

    ident: str
    trace: str
    request_id: str
    hops: tuple[Hop, ...]

    @property
    def complete(self) -> bool:
        return bool(self.hops) and all(hop.state is State.SEEN for hop in self.hops)


async def path_of(systems: Systems, ident: str) -> Path:
    """Return the path of a trace id or event id. Raises Unreachable when PostgreSQL can't be asked."""
    column = "event_id::text" if _UUID.fullmatch(ident) else "trace_id"
    sql = await systems.sql()
    rows = await sql.rows(_OUTBOX.format(column=column), {"ident": ident.lower()})
    if not rows:
        return Path(ident, "", "", ())
    trace = str(rows[0]["trace_id"])
    base = min(number(row["created_ms"]) for row in rows)
    stops = await asyncio.gather(
        sources_stops(systems, rows, base),
        kafka_stops(systems, rows, base),
        clickhouse_stops(systems, rows, base, trace),
        redis_stops(systems, rows, base),
    )
    hops: list[Hop] = []
    for row in rows:
        event, topic = str(row["event_id"]), row["topic"] or "no topic"
        what = f"{row['type']} for user {row['user_id']} ({topic})"
        since = number(row["created_ms"]) - base
        hops.append(Hop("outbox", event, what, f"outbox:id={row['id']} {event}", State.SEEN, since))
        hops += [hop for stop in stops for hop in stop if hop.event_id == event]
    return Path(ident, trace, str(rows[0]["request_id"]), tuple(hops))


def witness(systems: Systems) -> Witness:
    """Return a function that tells what all systems keep of a trace; it never raises and is bounded."""

    async def tell(trace: str) -> tuple[str, ...]:
        if not {"sql", "kafka", "clickhouse", "redis"} <= set(systems.targets.urls):
            return ()
        try:
            path = await asyncio.wait_for(path_of(systems, trace), _WITNESS_SECONDS)
        except (CcopsError, QueryFailed, TimeoutError) as error:
            return (f"? could not look: {sentence(error)}",)
        return tuple(hop.line() for hop in path.hops) or ("✗ outbox: no event of this trace",)

    return tell
