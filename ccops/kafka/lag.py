"""How far groups are behind. Every partition has a state: there is no negative number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ccops.kafka.broker import Broker
from ccops.kafka.model import Cluster, Group, Observed
from ccops.kafka.observe import Scope, known_groups, observe, scope_of


class State(StrEnum):
    """How a committed offset lies to its partition."""

    OK = "OK"
    UNCOMMITTED = "UNCOMMITTED"
    EXPIRED = "EXPIRED"
    AHEAD = "AHEAD"


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """One partition. `lag` is None without a commit and when the commit is ahead of the end.

    EXPIRED: `lost` records between the commit and the first one left are gone; `lag` counts what is left.
    """

    topic: str
    partition: int
    state: State
    committed: int | None
    earliest: int
    latest: int
    lag: int | None
    lost: int = 0


@dataclass(frozen=True, slots=True)
class GroupLag:
    """A group and its partitions; `total` counts records that are there and not consumed."""

    group: Group
    cluster: Cluster
    partitions: tuple[PartitionLag, ...]

    @property
    def total(self) -> int:
        """Return the sum of the lags that are known."""
        return sum(item.lag or 0 for item in self.partitions)

    @property
    def worst(self) -> State:
        """Return the most serious state of any partition."""
        seen = {item.state for item in self.partitions}
        order = (State.AHEAD, State.EXPIRED, State.UNCOMMITTED)
        return next((state for state in order if state in seen), State.OK)


def lag_of(observed: Observed) -> GroupLag:
    """Return the lag that `observed` shows."""
    return GroupLag(observed.group, observed.cluster, tuple(_partitions(observed)))


def read_lag(
    broker: Broker, names: Sequence[str], topics: Sequence[str] = (), *, uncommitted: bool = False
) -> tuple[GroupLag, ...]:
    """Return the lag of each group over `topics` as `--topic` names them (none: all it has committed in).

    Ends are those of committed transactions unless `uncommitted`: what a transaction holds back can't be
    consumed yet and is no lag. Raises CcopsError (exit 1) for an unknown group.
    """
    scope = scope_of(topics) if topics else Scope({}, every=True)
    groups = known_groups(broker, names)
    return tuple(lag_of(observe(broker, groups[name], scope, uncommitted=uncommitted)[0]) for name in names)


def _partitions(observed: Observed) -> Iterator[PartitionLag]:
    for place in observed.places:
        ends, commit = observed.ends[place], observed.committed.get(place)
        if commit is None:
            yield PartitionLag(*place, State.UNCOMMITTED, None, ends.earliest, ends.latest, None)
        elif commit.offset > ends.latest:
            yield PartitionLag(*place, State.AHEAD, commit.offset, ends.earliest, ends.latest, None)
        elif commit.offset < ends.earliest:
            lost, left = ends.earliest - commit.offset, ends.latest - ends.earliest
            yield PartitionLag(*place, State.EXPIRED, commit.offset, ends.earliest, ends.latest, left, lost)
        else:
            behind = ends.latest - commit.offset
            yield PartitionLag(*place, State.OK, commit.offset, ends.earliest, ends.latest, behind)
