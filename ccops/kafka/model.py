"""What is known about a cluster's groups and topics at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Place = tuple[str, int]
"""Topic and partition number."""

NO_OFFSET = -1
"""What a broker answers when there is no record at or after a time; it is never committed."""


@dataclass(frozen=True, slots=True)
class Member:
    """A consumer that is in its group right now."""

    member_id: str
    client_id: str
    host: str
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group; `exists` is false for a name that the cluster has never heard."""

    name: str
    state: str
    members: tuple[Member, ...] = ()
    exists: bool = True

    @property
    def idle(self) -> bool:
        """Return whether nobody consumes, so that a broker lets its offsets be moved."""
        return self.state in {"EMPTY", "DEAD"} and not self.members


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: `ident` is empty on a broker that gives topics no identity."""

    name: str
    partitions: int
    ident: str = ""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a group has committed for one partition."""

    offset: int
    metadata: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a look-up: the offset and the timestamp (ms) of the record there, -1 if not told."""

    offset: int
    timestamp_ms: int = -1


@dataclass(frozen=True, slots=True)
class Ends:
    """The first and the next offset of a partition."""

    earliest: int
    latest: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """What one partition answered instead of doing what was asked."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """Which cluster answered. `identity` tells two clusters apart, as far as the broker lets us."""

    ident: str
    bootstrap: str
    anonymous: bool = False

    @property
    def identity(self) -> str:
        """Return the id, with the address where a broker gives every cluster the same one."""
        return f"{self.ident}@{self.bootstrap}" if self.anonymous else self.ident


@dataclass(frozen=True, slots=True)
class Observed:
    """One group over some topics, read in one pass: committed offsets first, ends afterwards."""

    cluster: Cluster
    group: Group
    topics: Mapping[str, Topic]
    committed: Mapping[Place, Committed]
    ends: Mapping[Place, Ends]
    gaps: tuple[str, ...] = field(default=())

    @property
    def places(self) -> tuple[Place, ...]:
        """Return every partition that was looked at, in order."""
        return tuple(sorted(self.ends))
