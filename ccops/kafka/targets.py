"""Where a reset moves each partition to, decided without asking anybody: everything was observed before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ccops.kafka.model import Committed, Found, Observed, Place


class Kind(StrEnum):
    """The ways to name a target."""

    DATETIME = "to-datetime"
    DURATION = "by-duration"
    EARLIEST = "to-earliest"
    LATEST = "to-latest"
    OFFSET = "to-offset"
    SHIFT = "shift-by"
    CURRENT = "to-current"
    FILE = "from-file"
    GROUP = "to-group"
    SNAPSHOT = "restore"


class Mark(StrEnum):
    """What is special about a partition's target."""

    NONE = ""
    END = "END"  # no record at or after the time: the end as read in the same pass
    EMPTY = "EMPTY"  # there is no record at all
    CLAMPED = "RETENTION-CLAMPED"
    BEYOND = "BEYOND-END"
    UNCOMMITTED = "UNCOMMITTED"


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for. `time_ms` is set for times, `number` for offsets and shifts, `offsets` for files
    and other groups. `text` is how a person said it."""

    kind: Kind
    text: str = ""
    time_ms: int = 0
    number: int = 0
    offsets: Mapping[Place, Committed] | None = None
    note: str = ""

    @property
    def timed(self) -> bool:
        """Return whether the target is found by the time of records."""
        return self.kind in {Kind.DATETIME, Kind.DURATION}


@dataclass(frozen=True, slots=True)
class Target:
    """One partition's move. `offset` None: it is left as it is.

    `lost` counts records that retention took and the wish would have reached; for a time that is the most it
    can be, since nobody can ask a deleted record for its time.
    """

    place: Place
    before: int | None
    offset: int | None
    earliest: int
    latest: int
    mark: Mark = Mark.NONE
    lost: int = 0
    metadata: str = ""

    @property
    def changes(self) -> bool:
        """Return whether a write would make a difference."""
        return self.offset is not None and self.offset != self.before

    @property
    def again(self) -> int:
        """Return how many offsets are read again (negative: skipped); an unset commit counts as the end."""
        if self.offset is None:
            return 0
        before = self.latest if self.before is None else min(max(self.before, self.earliest), self.latest)
        return before - self.offset


def targets_of(wish: Wish, observed: Observed, found: Mapping[Place, Found]) -> tuple[Target, ...]:
    """Return the target of every partition; `found` answers a wish by time. Nothing here is refused yet."""
    return tuple(_target(wish, observed, place, found.get(place)) for place in observed.places)


def _target(wish: Wish, observed: Observed, place: Place, found: Found | None) -> Target:
    ends = observed.ends[place]
    commit = observed.committed.get(place)
    before = commit.offset if commit else None
    kept = commit.metadata if commit else ""

    def at(offset: int | None, mark: Mark = Mark.NONE, lost: int = 0, metadata: str = "") -> Target:
        return Target(place, before, offset, ends.earliest, ends.latest, mark, lost, metadata)

    if wish.timed:
        return at(*_by_time(wish.time_ms, found, ends.earliest, ends.latest))
    if wish.kind is Kind.EARLIEST:
        return at(ends.earliest, Mark.EMPTY if ends.earliest == ends.latest else Mark.NONE)
    if wish.kind is Kind.LATEST:
        return at(ends.latest)
    if wish.kind is Kind.OFFSET:
        wanted, metadata = wish.number, ""
    elif wish.kind in {Kind.SHIFT, Kind.CURRENT}:
        if before is None:
            return at(None, Mark.UNCOMMITTED)
        wanted = before + (wish.number if wish.kind is Kind.SHIFT else 0)
        metadata = kept if wish.kind is Kind.CURRENT else ""
    else:
        given = (wish.offsets or {}).get(place)
        if given is None:
            return at(None, Mark.UNCOMMITTED)
        wanted, metadata = given.offset, given.metadata
    if wanted < ends.earliest:
        return at(ends.earliest, Mark.CLAMPED, ends.earliest - wanted, metadata)
    if wanted > ends.latest:
        return at(wanted, Mark.BEYOND, 0, metadata)
    return at(wanted, Mark.NONE, 0, metadata)


def _by_time(time_ms: int, found: Found | None, earliest: int, latest: int) -> tuple[int, Mark, int]:
    """Return offset, mark and lost count. A broker says -1 for "no such record": that is never an offset."""
    if earliest == latest:
        return latest, Mark.EMPTY, 0
    if found is None or found.offset < 0:
        return latest, Mark.END, 0
    # The look-up may see retention a moment later, or an open transaction's records, than the ends did.
    offset = min(max(found.offset, earliest), latest)
    if offset == earliest and earliest > 0 and found.timestamp_ms != time_ms:
        # Younger than the time and nothing is left before it: what was there may have been asked for.
        return offset, Mark.CLAMPED, earliest
    return offset, Mark.NONE, 0
