"""The scenario model: frozen dataclasses, of which YAML is one front end.

Values that may hold `${...}` expressions are typed `object` and stay unevaluated here; the engine
renders them when the step runs. Durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

SYSTEMS = ("http", "ws", "sql", "redis", "kafka", "clickhouse", "prom", "alerts")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands: `scenarios/journey.yaml:96:5`."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Text:
    """A title in English and Korean; `CCOPS_LANG=ko` chooses the second."""

    en: str
    ko: str = ""


class CountRule(StrEnum):
    """How many observations must match."""

    EXACTLY = "exactly"
    AT_LEAST = "at_least"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Part:
    """A numbered part of a scenario and the systems that must each evaluate >= 1 assertion in it."""

    number: int
    title: Text
    systems: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Watch:
    """An observer that is armed before the act: a WebSocket feed, or the topics of a Kafka cluster.

    `kind` is `ws` or `kafka`; `target` the path or the list of topics. A `ws` watch opens when the
    step `open_after` has finished (its token is captured there); a `kafka` watch opens at the start,
    with `assign()` at the high watermarks, so that no consumer group ever appears.
    """

    name: str
    kind: str
    target: object
    place: Place
    auth: object = None
    open_after: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """One assertion about one system after the act of a step.

    `where` is `sql|redis|clickhouse|prom|alerts` or the name of a watch. Every system yields observations
    (rows, keys, samples, frames, records as JSON objects); those that `match` are counted.

    source   what to look at: {query, params} for sql and clickhouse, {key} for redis,
             {metric, labels, scrape} for prom, {alert, labels} for alerts; empty for a watch
    by       correlation: None = the trace id of the step, a mapping of field -> value, or "none"
    within_s seconds from the send of the act; settle_s more seconds in which the count must not change
    """

    where: str
    match: object
    rule: CountRule
    count: int
    within_s: float
    place: Place
    source: Mapping[str, object] = field(default_factory=dict)
    settle_s: float = 0.0
    by: object = None
    capture: Mapping[str, object] = field(default_factory=dict)
    label: str = ""


@dataclass(frozen=True, slots=True)
class Expect:
    """What the answer of the act must be: `status`, `body`, `headers`, `rows`, `outcomes` of a race."""

    place: Place
    status: object = None
    body: object = None
    headers: Mapping[str, object] = field(default_factory=dict)
    rows: object = None
    outcomes: Mapping[str, object] = field(default_factory=dict)  # status -> count or ${expression}
    same_as: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """One action. `kind`: http|ws|sql|redis|kafka|clickhouse|prom|sleep|repeat|race|set, or an entry point.

    `args` is the mapping below the kind, unevaluated. `repeat` and `race` carry their inner steps
    (`race` exactly one) in `steps`.
    """

    kind: str
    args: object
    place: Place
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One act, what its answer must be, what is kept from it, and the effects on all systems."""

    id: str
    act: Act
    place: Place
    title: Text = field(default_factory=lambda: Text(""))
    part: int = 0
    expect: Expect | None = None
    capture: Mapping[str, object] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class Invariant:
    """A query that must stay empty: sampled every `every_s` seconds (0 = only at the end) and at the end."""

    name: str
    where: str
    source: Mapping[str, object]
    every_s: float
    place: Place


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole scenario. `mutates` scenarios are refused on protected profiles without --confirm NAME."""

    name: str
    title: Text
    place: Place
    steps: tuple[Step, ...]
    parts: tuple[Part, ...] = ()
    tags: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    mutates: bool = True
    vars: Mapping[str, object] = field(default_factory=dict)
    secrets: Mapping[str, object] = field(default_factory=dict)
    watch: tuple[Watch, ...] = ()
    setup: tuple[Step, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    teardown: tuple[Step, ...] = ()
