"""Judge whether a history is worth replaying: gaps, doubtful samples, coverage."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ccops.rules.tune.model import DAY_S, History

MIN_COVERAGE = 0.7
MIN_COVERED_S = 3 * DAY_S


def gaps(history: History) -> list[tuple[int, int]]:
    """Return (last index before, first index after) of every hole: none of the series has a sample there."""
    # One missing evaluation is a pause of two steps; on a grid nothing lies between one and two.
    return [(one, other) for one, other in pairwise(history.present) if other - one > 1]


def doubtful(history: History) -> frozenset[int]:
    """Return the indexes whose values are of low confidence.

    After a hole `increase()` and `rate()` see only a part of their range, and around a reset of a counter
    they guess: that far nobody should trust them.
    """
    span = max(1, round(history.range_s / history.window.step)) if history.range_s else 0
    low = set(history.resets)
    starts = [after for _, after in gaps(history)]
    for start in starts:
        low.update(range(start, start + span))
    return frozenset(low)


def too_little(history: History) -> str:
    """Return why this history can't carry a proposal, or an empty text."""
    window = history.window
    if not history.present:
        return "the signal has no sample in the window"
    if history.covered_s < MIN_COVERED_S:
        return f"{days(history.covered_s)} observed, and {days(MIN_COVERED_S)} are the least"
    if history.coverage < MIN_COVERAGE:
        first = window.at(history.present[0])
        younger = (window.end - first) / DAY_S
        hint = f"; the first sample is {younger:.1f} days old, try --since {max(3, round(younger))}d"
        return (
            f"{100 * history.coverage:.0f} % of the evaluations have a sample, and "
            f"{100 * MIN_COVERAGE:.0f} % are the least"
            + (hint if younger < 0.9 * _span_days(history) else "")
        )
    if not any(series.values for series in history.series):
        return "the rule's guards never held, so that it could never have fired"
    if constant(history.finite()):
        return "the signal never moved"
    return ""


def constant(values: Sequence[float]) -> bool:
    """Return whether all values are the same."""
    return not values or min(values) == max(values)


def days(seconds: float) -> str:
    """Return a length of time in days for people."""
    return f"{seconds / DAY_S:.1f} days"


def _span_days(history: History) -> float:
    return (history.window.end - history.window.start) / DAY_S
