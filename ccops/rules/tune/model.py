"""What tuning works with. Moments are Unix seconds, durations seconds; a value's index is its place on the
window's grid of evaluations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from ccops.rules.values import Kind

WEEK_S = 604_800
DAY_S = 86_400
_OPS = {">": True, ">=": True, "<": False, "<=": False}


class Verdict(StrEnum):
    """What history says about the current threshold."""

    KEEP = "keep"
    RAISE = "raise"
    LOWER = "lower"
    INSUFFICIENT = "insufficient"
    NOT_TUNABLE = "not_tunable"


@dataclass(frozen=True, slots=True)
class Window:
    """Evaluations at start, start+step, ... up to and including the last one that is not after `end`."""

    start: int
    end: int
    step: int

    @property
    def size(self) -> int:
        """Return how many evaluations the window has."""
        return (self.end - self.start) // self.step + 1

    def at(self, index: int) -> int:
        """Return the moment of evaluation `index`."""
        return self.start + index * self.step

    def index(self, moment: float) -> int:
        """Return the evaluation nearest to `moment`."""
        return round((moment - self.start) / self.step)


@dataclass(frozen=True, slots=True)
class Series:
    """One series of the signal: its labels and its values, NaN left out, at ascending indexes."""

    labels: Mapping[str, str]
    at: Sequence[int]
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time, both ends included. Matchers (name, op, value) narrow it to some series."""

    start: float
    end: float
    name: str = ""
    matchers: tuple[tuple[str, str, str], ...] = ()

    def overlaps(self, start: float, end: float) -> bool:
        """Return whether the two share a moment."""
        return self.start <= end and self.end >= start


@dataclass(frozen=True, slots=True)
class History:
    """What a server remembers of a signal.

    `series` is what the rule could have fired on (its guards applied), `present` the indexes at which the
    bare signal had any sample at all, NaN included: what is missing there was not observed. `resets` are
    the indexes at which a counter below it had been reset within its range.
    """

    window: Window
    series: tuple[Series, ...]
    present: Sequence[int]
    resets: Sequence[int] = ()
    range_s: float = 0.0

    @property
    def coverage(self) -> float:
        """Return the share of evaluations that were observed."""
        return len(self.present) / self.window.size

    def finite(self) -> list[float]:
        """Return all values that figures can be computed of."""
        return [value for one in self.series for value in one.values if math.isfinite(value)]

    @property
    def covered_s(self) -> int:
        """Return how much time was observed."""
        return len(self.present) * self.window.step


@dataclass(frozen=True, slots=True)
class Condition:
    """How the rule turns a value into an alert: operator, `for` and `keep_firing_for`."""

    op: str
    for_s: float = 0.0
    keep_s: float = 0.0

    @property
    def above(self) -> bool:
        """Return whether the alert is about values that are too high."""
        return _OPS[self.op]


@dataclass(frozen=True, slots=True)
class Episode:
    """One firing alert: from the evaluation at which it fired to the one at which it no longer did."""

    labels: Mapping[str, str]
    first: int
    last: int
    open_start: bool = False
    open_end: bool = False
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A threshold and what the rule would have done with it.

    `fires` counts alerts, `pages` what a person gets: series that fire at the same time are one page, since
    Alertmanager groups the alerts of a rule. `per_week` is of pages.
    """

    threshold: Decimal
    fires: int
    pages: int
    per_week: float
    firing_minutes: float
    missed: tuple[str, ...]
    series: int
    episodes: tuple[Episode, ...]


@dataclass(frozen=True, slots=True)
class Stats:
    """Robust figures of a signal, over all series."""

    median: float
    mad: float
    p95: float
    p99: float
    p999: float
    max: float
    min: float
    samples: int
    trimmed: int
    trimmed_p999: float


@dataclass(frozen=True, slots=True)
class Knob:
    """The threshold that may be turned: the env variable, its value now, its kind and bounds."""

    rule: str
    env: str
    var: str
    current: Decimal
    kind: Kind
    low: Decimal | None = None
    high: Decimal | None = None
    severity: str = "warning"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The answer for one rule. `plateau` is its lowest and highest candidate; None = there is none."""

    rule: str
    env: str
    verdict: Verdict
    var: str = ""
    current: Decimal | None = None
    proposed: Decimal | None = None
    reason: str = ""
    window: Window | None = None
    coverage: float = 0.0
    stats: Stats | None = None
    floor: float | None = None
    budget: float = 0.0
    plateau: tuple[Decimal, Decimal] | None = None
    below: Candidate | None = None
    above: Candidate | None = None
    candidates: tuple[Candidate, ...] = ()
    warnings: tuple[str, ...] = ()
    large_move: bool = False

    @property
    def moves(self) -> bool:
        """Return whether another value is proposed."""
        return self.verdict in {Verdict.RAISE, Verdict.LOWER}
