"""The records of a replay: from a time until a time, as offsets that were fixed before it began."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ccops.core.clock import iso
from ccops.core.errors import Refused
from ccops.kafka.model import Group, Observed, Place
from ccops.kafka.observe import Scope, observe_with
from ccops.kafka.run import Context
from ccops.kafka.target import gaps_of
from ccops.kafka.times import to_ms


@dataclass(frozen=True, slots=True)
class Span:
    """One partition's share: records from `first` up to and without `stop`."""

    first: int
    stop: int

    @property
    def records(self) -> int:
        """Return how many offsets the span has."""
        return max(self.stop - self.first, 0)


@dataclass(frozen=True, slots=True)
class Window:
    """What is replayed. Client timestamps may be out of order: records outside are seen and left out."""

    source: str
    group: str
    start: datetime
    until: datetime
    spans: Mapping[Place, Span]
    notes: tuple[str, ...] = ()

    @property
    def records(self) -> int:
        """Return how many records lie between the offsets (at most as many are replayed)."""
        return sum(span.records for span in self.spans.values())

    @property
    def mark(self) -> str:
        """Return what the commits of this window carry, so that another one never goes on from them."""
        return f"ccops:{to_ms(self.start)}-{to_ms(self.until)}"


def find_window(
    context: Context,
    source: Group,
    target: str,
    scope: Scope,
    start: datetime,
    until: datetime,
    *,
    allow_clamp: bool = False,
) -> Window:
    """Return the window of `scope`.

    Raises Refused when it is empty, or unless `allow_clamp` when retention may have taken its beginning.
    """
    if not start < until:
        raise Refused(
            "KAFKA_REPLAY_WINDOW",
            "the window of the replay is empty",
            evidence=f"from {iso(start)} until {iso(until)}",
            next_step="--from-datetime must be before --until",
        )
    observed, (first, last) = observe_with(context.broker, source, scope, [to_ms(start), to_ms(until)])
    spans: dict[Place, Span] = {}
    gone: list[Place] = []
    for place, ends in observed.ends.items():
        begin = ends.latest if first[place].offset < 0 else max(first[place].offset, ends.earliest)
        stop = ends.latest if last[place].offset < 0 else min(last[place].offset, ends.latest)
        if stop > begin:
            spans[place] = Span(begin, stop)
            if begin == ends.earliest > 0 and first[place].timestamp_ms != to_ms(start):
                gone.append(place)
    if not spans:
        raise Refused(
            "KAFKA_REPLAY_WINDOW",
            f"there is no record from {iso(start)} until {iso(until)}",
            evidence=f"looked at {len(observed.ends)} partition(s) of {', '.join(observed.topics)}",
            next_step="a longer window; ccops kafka topics check shows how long topics keep records",
        )
    notes: list[str] = []
    if gone:
        notes.append(_clamped(gone, observed, allow_clamp))
    kinds = {config.get("message.timestamp.type", "?") for config in _configs(context, observed)}
    if kinds != {"LogAppendTime"}:
        notes.append(
            "producers set these times: records of the window that lie behind the first one after its end "
            "are not read"
        )
    notes += gaps_of(context.profile, observed.cluster.anonymous)
    return Window(source.name, target, start, until, spans, tuple(notes))


def _clamped(gone: list[Place], observed: Observed, allowed: bool) -> str:
    lost = sum(observed.ends[place].earliest for place in gone)
    said = f"retention has removed records before the first one of {len(gone)} partition(s), up to {lost}"
    if not allowed:
        topic, number = gone[0]
        raise Refused(
            "KAFKA_BEFORE_RETENTION",
            f"the window begins before what is left: {said}",
            evidence=f"{topic}:{number}: first left is {observed.ends[gone[0]].earliest}",
            next_step="--allow-clamp replays what is left, or a later --from-datetime",
        )
    return said


def _configs(context: Context, observed: Observed) -> Iterable[Mapping[str, str]]:
    return context.broker.configs(sorted(observed.topics)).values()
