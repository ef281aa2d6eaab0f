"""Outbox to Kafka: at least once, also past a broker that forgets what it acknowledged.

Rows are marked only after the broker's acknowledgement, with its partition and offset. A broker that lost
acknowledged records gives itself away twice: its high watermark is at or below a recorded offset, or a new
record gets an offset at or below the last acknowledged one. Either way the rows are sent again, until every
one of them lies above every offset that was ever acknowledged: a consumer that had read past the loss still
meets each event. Duplicates are told apart by event_id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from ccops.backend import metrics
from ccops.backend.core.clock import iso
from ccops.backend.db import Connection
from ccops.backend.relays.session import Report, Session
from ccops.backend.repositories import outbox
from ccops.backend.repositories.outbox import OutboxRow, Place
from ccops.backend.utils.pubsub import Wake
from ccops.backend.utils.redis import WAKE_CHANNEL

log = logging.getLogger("ccops.backend.relays.kafka")

BATCH = 500
SCHEMA = "v1"
# A second look: a broker may still be reading its own files when it answers for the first time.
_LOOK_AGAIN_S = 1.0
# And a net for what shows no error at all, such as a topic deleted while nothing is sent.
_LOOK_EVERY_S = 30.0
_RETRY_S = 0.1
# A log cut deeper than this is a new log: consumers find their position out of range and start over.
_NEW_LOG = 10_000
Last = dict[tuple[str, int], int]


async def run(conn: Connection, beat: Callable[[], None]) -> None:
    """Relay until cancelled. A broker error ends the session; the next one compares before it sends."""
    last = await outbox.last_acked(conn)
    async with Wake(WAKE_CHANNEL) as wake:
        while True:
            try:
                async with Session(produce) as session:
                    await _relay(conn, session, last, wake, beat)
            except (KafkaException, SystemError, TimeoutError) as error:
                log.warning("kafka: %s", error)
            await asyncio.sleep(_RETRY_S)


async def _relay(
    conn: Connection, session: Session, last: Last, wake: Wake, beat: Callable[[], None]
) -> None:
    loop = asyncio.get_running_loop()
    await republish_lost(conn, session)
    look_again_at = loop.time() + _LOOK_AGAIN_S
    while not session.trouble:
        if loop.time() >= look_again_at:
            await republish_lost(conn, session)
            look_again_at = loop.time() + _LOOK_EVERY_S
        rows = await outbox.kafka_pending(conn, limit=BATCH)
        if rows:
            if await settle(conn, await session.send(rows), last):
                await republish_lost(conn, session)
        else:
            await session.poll()
        beat()
        await wake.after(len(rows), full=len(rows) == BATCH)
    log.warning("kafka: %s; comparing before sending on", session.trouble)


def produce(producer: Producer, row: OutboxRow, report: Report) -> None:
    """Queue the record of one row; `report` is called with its place, or with what went wrong."""

    topic = row.topic or ""

    def delivered(error: KafkaError | None, message: Message) -> None:
        offset = message.offset()
        if error is not None or offset is None or offset < 0:
            report(str(error or "acknowledged without an offset"))
        else:
            report(Place(topic, message.partition() or 0, offset))

    headers = {
        "event_id": row.event_id,
        "trace_id": row.trace_id,
        "request_id": row.request_id,
        "schema": SCHEMA,
    }
    producer.produce(
        topic,
        value=record_value(row),
        key=str(row.user_id),
        headers=[(name, value.encode()) for name, value in headers.items()],
        on_delivery=delivered,
    )


def record_value(row: OutboxRow) -> bytes:
    """Return the record's JSON; the payload's own text goes in unread."""
    return (
        f'{{"event_id":"{row.event_id}","trace_id":"{row.trace_id}","type":"{row.type}",'
        f'"user_id":{row.user_id},"ts":"{iso(row.created_at)}","data":{row.data}}}'
    ).encode()


@dataclass(frozen=True, slots=True)
class Settled:
    """What a batch's acknowledgements say: rows to mark, and where each overwritten log was cut."""

    marks: list[tuple[int, Place]]
    cuts: list[Place]
    repeated: int


def judge(acked: Sequence[tuple[int, Place]], last: Last) -> Settled:
    """Sort acknowledgements into marks and collisions, and move `last` on.

    A collision is an offset at or below the last acknowledged one of its partition. From the lowest of them
    on nothing counts as sent, this batch included.
    """
    lowest: Last = {}
    for _, place in acked:
        key = (place.topic, place.partition)
        before = last.get(key, -1)
        if place.offset <= before:
            lowest[key] = min(place.offset, lowest.get(key, place.offset))
        # Keep the old height, so that the repeats climb above what consumers may have read.
        last[key] = place.offset if before - place.offset > _NEW_LOG else max(before, place.offset)
    marks = [
        (row_id, place)
        for row_id, place in acked
        if place.offset < lowest.get((place.topic, place.partition), place.offset + 1)
    ]
    cuts = [Place(topic, part, offset) for (topic, part), offset in lowest.items()]
    return Settled(marks, cuts, len(acked) - len(marks))


async def settle(conn: Connection, acked: Sequence[tuple[int, Place]], last: Last) -> bool:
    """Mark what the broker took; return whether an offset was given twice.

    Un-marking comes first: dying in between must cost a repeat, not an event.
    """
    settled = judge(acked, last)
    repeated = settled.repeated
    for cut in settled.cuts:
        repeated += await outbox.unmark_from(conn, cut)
    if settled.cuts:
        metrics.outbox_republished.inc(repeated)
        log.warning("kafka: offsets were given twice, sending %d rows again", repeated)
    if settled.marks:
        await outbox.mark_acked(conn, settled.marks)
        for _, place in settled.marks:
            metrics.events_published.labels(place.topic).inc()
    return bool(settled.cuts)


async def republish_lost(conn: Connection, session: Session) -> None:
    """Un-mark every row that lies at or above its partition's high watermark: the broker forgot it."""
    recorded = await outbox.last_acked(conn)
    tops = await session.high_watermarks(list(recorded))
    lost = 0
    for (topic, part), top in tops.items():
        if recorded[topic, part] >= top:
            lost += await outbox.unmark_from(conn, Place(topic, part, top))
    if lost:
        metrics.outbox_republished.inc(lost)
        log.warning("kafka: the broker lost %d acknowledged records, sending them again", lost)
