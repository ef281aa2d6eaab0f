"""What is reconciled, and what came out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from ccops.core.bundle import invalid, mapping, read_yaml
from ccops.core.clock import iso
from ccops.core.errors import ExitCode
from ccops.data.reconcile_bound import upper_bound

FILE = "topics.yml"
MAX_SAMPLES = 5


class Verdict(StrEnum):
    """How the comparison of a window ended."""

    PASS = "PASS"  # noqa: S105 - a word, not a secret
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    EMPTY = "EMPTY"


@dataclass(frozen=True, slots=True)
class Route:
    """One topic of the contract: the ClickHouse table it fills, the PostgreSQL table its events come from.

    An empty `table` or `source` means that there is none.
    """

    topic: str
    table: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """Events with `since` <= time < `until`. Younger than `settle_s` at the time of the look may be late."""

    since: datetime
    until: datetime
    settle_s: float

    @property
    def since_ms(self) -> int:
        return to_ms(self.since)

    @property
    def until_ms(self) -> int:
        return to_ms(self.until)

    def as_data(self) -> dict[str, object]:
        """Return the machine form."""
        return {"since": iso(self.since), "until": iso(self.until), "settle_s": self.settle_s}


@dataclass(slots=True)
class Tally:
    """Counts of one topic, or of one word of its breakdown. Ids, not records, unless it says so."""

    events: int = 0  # ids that PostgreSQL knows
    in_kafka: int = 0
    in_clickhouse: int = 0
    missing_kafka: int = 0
    missing_clickhouse: int = 0
    lost: int = 0  # missing on one side or both
    pending: int = 0  # of missing_kafka: still waiting in the outbox
    fresh: int = 0  # not everywhere yet, but younger than the settle margin
    expired: int = 0  # no longer in Kafka because of its retention
    repeated_kafka: int = 0  # records beyond the first of an id: at least once is what Kafka gets
    doubled_clickhouse: int = 0  # rows beyond the first of an id that FINAL did not merge
    foreign_kafka: int = 0  # ids that PostgreSQL never had
    foreign_clickhouse: int = 0
    unverifiable: int = 0  # ids older than the outbox keeps, without a table of their own
    unreadable: int = 0  # records that hold no event

    @property
    def judged(self) -> int:
        """Return how many events were found everywhere or lost; the rest may still be on its way."""
        return self.events - self.fresh

    def as_data(self) -> dict[str, int]:
        """Return the counts by name."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Topic:
    """One topic's comparison. `repair` are the ids that may be sent again."""

    path: Route
    tally: Tally = field(default_factory=Tally)
    kinds: dict[str, Tally] = field(default_factory=dict)
    samples: dict[str, list[str]] = field(default_factory=dict)
    repair: list[bytes] = field(default_factory=list)
    cut: bool = False  # there are more ids to repair than `repair` holds
    notes: list[str] = field(default_factory=list)

    def verdict(self, max_loss: float) -> Verdict:
        """Return what the counts say when a share of `max_loss` may be lost."""
        tally = self.tally
        strangers = tally.foreign_kafka + tally.foreign_clickhouse + tally.doubled_clickhouse
        if strangers or (tally.lost and tally.lost > max_loss * tally.judged):
            return Verdict.FAIL
        if tally.fresh or tally.expired or tally.unverifiable:
            return Verdict.INCONCLUSIVE
        return Verdict.PASS if tally.events else Verdict.EMPTY

    def sample(self, kind: str, ident: bytes) -> None:
        """Keep a few ids of each kind as evidence."""
        kept = self.samples.setdefault(kind, [])
        if len(kept) < MAX_SAMPLES:
            kept.append(str(UUID(bytes=ident)))


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The whole comparison."""

    window: Window
    max_loss: float
    topics: tuple[Topic, ...]
    by: str = ""
    secrets: tuple[str, ...] = ()

    @property
    def events(self) -> int:
        return sum(topic.tally.events for topic in self.topics)

    @property
    def judged(self) -> int:
        """Return the size of the sample that the verdict rests on."""
        return sum(topic.tally.judged for topic in self.topics)

    @property
    def lost(self) -> int:
        return sum(topic.tally.lost for topic in self.topics)

    @property
    def verdict(self) -> Verdict:
        """Return the worst verdict of all topics; EMPTY only if every one is."""
        found = {topic.verdict(self.max_loss) for topic in self.topics}
        worst = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
        return next((verdict for verdict in worst if verdict in found), Verdict.EMPTY)

    @property
    def bound(self) -> float:
        """Return the loss rate that this sample leaves possible at 95 %."""
        return upper_bound(self.lost, self.judged)

    def exit_code(self, strict: bool = False) -> ExitCode:
        """Return 0 for PASS (and INCONCLUSIVE unless strict), 1 otherwise: an empty window proves nothing."""
        good = {Verdict.PASS} if strict else {Verdict.PASS, Verdict.INCONCLUSIVE}
        return ExitCode.OK if self.verdict in good else ExitCode.NEGATIVE


def read_paths(folder: Path, env: str) -> list[Route]:
    """Return every topic that carries events. Raises UsageError for a contract without one."""
    paths = []
    for pattern, declared in read_yaml(folder, FILE).items():
        words = mapping(declared)
        if words.get("types"):
            topic = pattern.replace("{env}", env)
            paths.append(Route(topic, str(words.get("table") or ""), str(words.get("source") or "")))
    if not paths:
        raise invalid(folder, FILE, "it declares no topic with event types")
    return paths


def chosen(paths: Sequence[Route], wanted: Sequence[str]) -> list[Route]:
    """Return the paths whose topic holds one of `wanted` (`actions.events` is enough); none wanted: all.

    Raises ValueError for a word that fits no topic.
    """
    for word in wanted:
        if not any(word in path.topic for path in paths):
            raise ValueError(word)
    return [path for path in paths if not wanted or any(word in path.topic for word in wanted)]


def to_ms(moment: datetime) -> int:
    """Return whole milliseconds since 1970, cut off as the event's own text is."""
    whole = moment.astimezone(UTC)
    return int(whole.timestamp()) * 1000 + whole.microsecond // 1000


def plain(tallies: Mapping[str, Tally]) -> dict[str, object]:
    """Return a breakdown in the machine form, the largest first."""
    order = sorted(tallies, key=lambda word: (-tallies[word].events, word))
    return {word: tallies[word].as_data() for word in order}
