"""What a bench says: figures with their spread, their target, and what they rest on."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `doubt` says why it must not be held against its target."""

    name: str
    unit: str
    value: float
    low: float
    high: float
    n: int
    rests_on: str
    target: float | None = None
    doubt: str = ""
    at_least: bool = False  # the target is a floor, not a ceiling
    key: str = ""  # its name in the summary for programs

    @property
    def met(self) -> bool | None:
        """Return whether the target was met; None where there is none, or the figure is in doubt."""
        if self.target is None or self.doubt:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    @property
    def verdict(self) -> str:
        """Return the same in words."""
        if self.doubt:
            return "in doubt"
        return {True: "met", False: "NOT met", None: ""}[self.met]


def figure(
    name: str,
    unit: str,
    samples: Sequence[float],
    rests_on: str,
    *,
    target: float | None = None,
    doubt: str = "",
    at_least: bool = False,
    key: str = "",
) -> Figure:
    """Return the median of `samples` with their extremes. Raises ValueError when there are none."""
    if not samples:
        raise ValueError(f"{name}: nothing was measured")
    middle = statistics.median(samples)
    low, high = min(samples), max(samples)
    return Figure(name, unit, middle, low, high, len(samples), rests_on, target, doubt, at_least, key)


def doubted(one: Figure, load: float, cores: int) -> Figure:
    """Return `one` as it may be read after others kept the machine busy.

    Load only ever lengthens times, so a met target stays met and a missed one proves nothing; a ratio of
    times can move either way, and sizes do not care.
    """
    if load <= 2 * cores or one.doubt or one.target is None:
        return one
    if (one.unit in {"s", "ms", "/s"} and not one.met) or one.unit == "x":
        return replace(one, doubt=f"the machine was busy: load {load:.0f} on {cores} cores")
    return one


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the smallest sample that at least `share` of all samples do not exceed."""
    ordered = sorted(samples)
    return ordered[max(1, math.ceil(share * len(ordered))) - 1]


def bound_rank(n: int, share: float = 0.95, confidence: float = 0.95) -> int | None:
    """Return which order statistic (from 1) of `n` bounds the true percentile from above, or None.

    It is the first one that lies at or above the percentile with `confidence`, whatever the distribution.
    """
    total = 0.0
    for below in range(n):
        total += math.comb(n, below) * share**below * (1 - share) ** (n - below)
        if total >= confidence:
            return below + 1
    return None
