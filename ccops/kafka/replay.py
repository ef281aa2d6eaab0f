"""Read a window of records again under a group of its own: the source is never touched.

The replay group commits as it goes, so a call that was cut short goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ccops.core.errors import Degraded, Refused
from ccops.kafka import audit, journal
from ccops.kafka.guard import check_idle
from ccops.kafka.handlers import Handler, Record
from ccops.kafka.model import Committed, Place
from ccops.kafka.replay_reading import reader, records
from ccops.kafka.run import Context
from ccops.kafka.snapshot import Who
from ccops.kafka.window import Window

if TYPE_CHECKING:
    from confluent_kafka import Consumer

_BATCH = 500


@dataclass(slots=True)
class Tally:
    """The idempotency report: what the handler said, and which ids came more than once."""

    read: int = 0
    outside: int = 0
    effects: int = 0
    known: int = 0
    repeated: int = 0
    resumed: int = 0
    ids: set[str] = field(default_factory=set)

    def hear(self, record: Record, effect: bool) -> None:
        """Count one record that the handler has seen."""
        self.effects += effect
        self.known += not effect
        self.repeated += record.event_id in self.ids
        self.ids.add(record.event_id)


def replay(
    context: Context, window: Window, handler: Handler, *, rate: float, bootstrap: str
) -> tuple[Tally, str]:
    """Give every record of `window` to `handler`, at most `rate` a second (0: as fast as it can).

    Returns the tally and the run's name. Raises Degraded at the first record whose handler fails, and
    Unreachable when the broker goes away; what was handled is committed either way.
    """
    who = context.who("replay")
    name = f"replay-{hashlib.sha256(window.group.encode()).hexdigest()[:16]}.lock"
    with journal.locked(context.folder, who, name):  # two replays of one group would both read every record
        return _audited(context, window, who, handler, rate=rate, bootstrap=bootstrap), who.run_id


def _audited(
    context: Context, window: Window, who: Who, handler: Handler, *, rate: float, bootstrap: str
) -> Tally:
    places = ", ".join(f"{topic}:{number}" for topic, number in sorted(window.spans)[:8])
    entry = audit.Entry(
        "started",
        "replay",
        who,
        context.profile.env,
        context.broker.cluster().identity,
        window.group,
        context.clock.now(),
        detail=f"{window.records} records of {places}",
    )
    context.audit(entry)
    tally, outcome = Tally(), "stopped"
    try:
        _run(context, window, handler, rate, bootstrap, tally)
        outcome = "replayed"
    finally:
        done = audit.Entry(
            "finished",
            "replay",
            who,
            entry.env,
            entry.cluster,
            window.group,
            context.clock.now(),
            outcome=outcome,
            detail=f"{tally.read} read, {tally.effects} with effect, {tally.known} known already",
        )
        context.audit(done)
    return tally


def _run(
    context: Context, window: Window, handler: Handler, rate: float, bootstrap: str, tally: Tally
) -> None:
    at = _starts(context, window)
    tally.resumed = sum(at[place] - span.first for place, span in window.spans.items())
    left = {place for place, span in window.spans.items() if at[place] < span.stop}
    begun, paced = time.monotonic(), 0
    with reader(bootstrap, window.group, {place: at[place] for place in left}) as consumer:
        try:
            for record in records(consumer, window, left, at):
                at[record.topic, record.partition] = record.offset + 1
                tally.read += 1
                if (
                    not window.start.timestamp() * 1000
                    <= record.timestamp_ms
                    < window.until.timestamp() * 1000
                ):
                    tally.outside += 1
                    continue
                try:
                    effect = bool(handler(record))
                except Exception as error:
                    at[record.topic, record.partition] = record.offset
                    raise _failed(record, error) from error
                tally.hear(record, effect)
                paced += 1
                if rate and (ahead := paced / rate - (time.monotonic() - begun)) > 0:
                    time.sleep(ahead)
                if paced % _BATCH == 0:
                    _commit(consumer, window.group, at, window.mark)
        finally:
            _commit(consumer, window.group, at, window.mark)
    _settle(context, window, at)


def _starts(context: Context, window: Window) -> dict[Place, int]:
    """Return where to begin: after what an earlier call of this very window has handled.

    Raises Refused when somebody reads with the group, and when its commits are those of another window: it
    would skip some of this one.
    """
    check_idle(context.broker.describe([window.group])[window.group])
    done = context.broker.committed(window.group)
    if other := [place for place, commit in done.items() if commit.metadata != window.mark]:
        raise Refused(
            "KAFKA_REPLAY_TAKEN",
            f"{window.group} has replayed another window",
            evidence=f"its commit in {other[0][0]}:{other[0][1]} is not of this one",
            next_step="--at with another hour names another group",
        )
    return {
        place: min(max(span.first, done[place].offset), span.stop) if place in done else span.first
        for place, span in window.spans.items()
    }


def _commit(consumer: Consumer, group: str, at: Mapping[Place, int], mark: str) -> None:
    from confluent_kafka import KafkaException, TopicPartition

    places = [TopicPartition(*place, offset, mark) for place, offset in at.items()]
    try:
        said = consumer.commit(offsets=places, asynchronous=False)
        bad = next((one.error for one in said or () if one.error is not None), None)
    except KafkaException as error:
        if error.args[0].name().startswith("_"):
            raise
        bad = error.args[0]
    if bad is not None:
        raise _joined(group, f"{bad.name()}: {bad.str()}")


def _joined(group: str, said: str) -> Degraded:
    return Degraded(
        "KAFKA_REPLAY_DISTURBED",
        f"{group} does not take commits any more: somebody reads with it",
        evidence=said,
        next_step="stop them, then the same call: it goes on after the last commit (up to 500 records again)",
    )


def _settle(context: Context, window: Window, at: Mapping[Place, int]) -> None:
    """Commit the stops themselves: a window that ends in a transaction's marks is done, too."""
    short = {
        place: Committed(span.stop, window.mark)
        for place, span in window.spans.items()
        if at[place] < span.stop
    }
    if short:
        refused = context.broker.alter(window.group, short)
        for place, why in refused.items():
            raise _joined(window.group, f"{place[0]}:{place[1]}: {why.code} {why.text}")


def _failed(record: Record, error: Exception) -> Degraded:
    return Degraded(
        "KAFKA_HANDLER_FAILED",
        f"the handler failed at {record.topic}:{record.partition} offset {record.offset}",
        evidence=f"event {record.event_id}: {type(error).__name__}: {str(error)[:200]}",
        next_step="mend the handler and repeat the call: it goes on at this record",
    )
