"""Robust figures of a signal: median and MAD, per series and per hour of the week; never mean and deviation.

Everything is computed on badness, a number that grows the nearer the alert is (see scale.py), so that rules
that look for low values need no second version of it.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ccops.rules.tune.model import WEEK_S, Window

_TRIM = 8 * 1.4826  # 8 sigma of a normal signal: only what is no part of it at all
_MEAN_TO_MAD = 1.2533 / 1.4826
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Baseline:
    """One series without its incidents: what is normal, and how bad normal gets in its worst hour."""

    kept: tuple[float, ...]
    trimmed: int
    q95: float
    q999: float
    busy: float
    sparse: bool = False


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the linearly interpolated quantile of sorted values, as numpy and PromQL do."""
    if not ordered:
        return math.nan
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median_mad(values: Sequence[float]) -> tuple[float, float]:
    """Return the median, and the median distance from it."""
    middle = statistics.median(values)
    return middle, statistics.median(abs(value - middle) for value in values)


def baseline(window: Window, at: Sequence[int], badness: Sequence[float]) -> Baseline:
    """Return what is normal for one series of at least one value.

    A sample is trimmed when it is more than 8 sigma (from the MAD) above the median, of all samples and,
    given two weeks, of its own hour of the week: a peak that comes every Monday at nine is no incident.
    """
    usual, mad = median_mad(badness)
    median, sparse = usual, mad == 0
    if sparse and (moving := [value for value in badness if value != usual]):
        # Mostly one value, usually zero: the rest says what normal activity looks like.
        median, mad = median_mad(moving)
        # All the same once more, but for a few: then the mean distance (of a normal signal 0.8 sigma).
        mad = mad or statistics.fmean(abs(value - median) for value in moving) * _MEAN_TO_MAD
    bound = median + _TRIM * mad if mad else math.inf
    places = _hour_of(window, at) if window.size * window.step >= 2 * WEEK_S else []
    hours = _hours(places, badness)
    bounds = {hour: max(bound, _bound(values)) for hour, values in hours.items()}
    if hours:
        kept = [value for hour, value in zip(places, badness, strict=True) if value <= bounds[hour]]
    else:
        kept = [value for value in badness if value <= bound]
    kept.sort()
    counted = [value for value in kept if value != usual] if sparse else kept
    counted = counted or kept
    return Baseline(
        tuple(kept),
        len(badness) - len(kept),
        quantile(counted, 0.95),
        quantile(counted, 0.999),
        _busiest(hours, bounds),
        sparse,
    )


def _hour_of(window: Window, at: Sequence[int]) -> list[int]:
    start, step = window.start, window.step
    return [(start + index * step) // _HOUR_S % 168 for index in at]


def _hours(places: Sequence[int], badness: Sequence[float]) -> dict[int, list[float]]:
    hours: dict[int, list[float]] = defaultdict(list)
    for hour, value in zip(places, badness, strict=False):
        hours[hour].append(value)
    return dict(hours)


def _bound(values: Sequence[float]) -> float:
    # The lower median: of two Mondays with one incident the quiet one counts.
    middle = statistics.median_low(values)
    spread = statistics.median_low([abs(value - middle) for value in values])
    return middle + _TRIM * spread


def _busiest(hours: dict[int, list[float]], bounds: dict[int, float]) -> float:
    """Return the 99.5 % quantile of the hour of the week with the worst median, trimmed samples left out."""
    kept = {hour: sorted(v for v in values if v <= bounds[hour]) for hour, values in hours.items()}
    worst = max((values for values in kept.values() if values), key=statistics.median, default=[])
    return quantile(worst, 0.995) if worst else -math.inf
