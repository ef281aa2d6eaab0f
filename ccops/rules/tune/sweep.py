"""Replay a rule with every threshold that comes into question."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from ccops.rules.tune.clean import doubtful
from ccops.rules.tune.model import WEEK_S, Candidate, Condition, Episode, History, Interval, Series, Window
from ccops.rules.tune.replay import crossing, episodes

Matches = Callable[[Interval, Mapping[str, str]], bool]


def sweep(
    history: History,
    condition: Condition,
    thresholds: Sequence[Decimal],
    *,
    excluded: Mapping[int, Sequence[Interval]],
    incidents: Sequence[Interval] = (),
) -> tuple[Candidate, ...]:
    """Return what the rule would have done with each of `thresholds`, in their order.

    `excluded` holds, by the number of a series, when nobody would have heard it: an episode counts with its
    part outside. The alert's state is not touched: a silence mutes notifications, it does not stop the rule.
    """
    by_value = {float(one): one for one in thresholds}
    found: dict[Decimal, list[Episode]] = {one: [] for one in thresholds}
    minutes: dict[Decimal, float] = dict.fromkeys(thresholds, 0.0)
    low = doubtful(history)
    for number, series in enumerate(history.series):
        quiet = excluded.get(number, ())
        for value, hot in crossing(series, condition.op, list(by_value)):
            for one in episodes(series, hot, condition, history.window):
                heard = _heard_s(one, quiet, history)
                if heard > 0:
                    found[by_value[value]].append(_marked(one, low))
                    minutes[by_value[value]] += heard / 60
    return tuple(_candidate(one, found[one], minutes[one], history, incidents) for one in thresholds)


def silent(
    history: History, intervals: Sequence[Interval], matches: Matches
) -> dict[int, tuple[Interval, ...]]:
    """Return for each series by its number the intervals that are about it."""
    return {
        number: tuple(one for one in intervals if matches(one, series.labels))
        for number, series in enumerate(history.series)
    }


def without(
    window: Window, series: Series, low: frozenset[int], excluded: Sequence[Interval]
) -> tuple[list[int], list[float]]:
    """Return indexes and values of `series` that say what is normal: neither in `low` nor excluded."""
    spans = [
        ((one.start - window.start) / window.step, (one.end - window.start) / window.step) for one in excluded
    ]
    kept = [
        (index, value)
        for index, value in zip(series.at, series.values, strict=True)
        if index not in low and math.isfinite(value)
    ]
    for first, last in spans:
        kept = [pair for pair in kept if not first <= pair[0] <= last]
    return [index for index, _ in kept], [value for _, value in kept]


def _heard_s(one: Episode, quiet: Sequence[Interval], history: History) -> float:
    """Return how many seconds of an episode lie outside `quiet`; at least a moment of it must."""
    window = history.window
    pieces = [(float(window.at(one.first)), float(window.at(one.last)))]
    for interval in quiet:
        rest = []
        for start, end in pieces:
            rest.append((start, min(end, interval.start)))
            rest.append((max(start, interval.end), end))
        pieces = [(start, end) for start, end in rest if end > start]
    return sum(end - start for start, end in pieces)


def _pages(found: Sequence[Episode]) -> int:
    """Return how many stretches of time with at least one firing series there are."""
    pages, until = 0, -1
    for one in sorted(found, key=lambda one: one.first):
        pages += one.first > until
        until = max(until, one.last)
    return pages


def _marked(one: Episode, low: frozenset[int]) -> Episode:
    if one.first not in low:
        return one
    return Episode(one.labels, one.first, one.last, one.open_start, one.open_end, doubtful=True)


def _candidate(
    threshold: Decimal,
    found: Sequence[Episode],
    minutes: float,
    history: History,
    incidents: Sequence[Interval],
) -> Candidate:
    window = history.window
    spans = [(window.at(one.first), window.at(one.last)) for one in found]
    pages = _pages(found)
    missed = tuple(one.name for one in incidents if not any(one.overlaps(*span) for span in spans))
    return Candidate(
        threshold,
        len(found),
        pages,
        pages * WEEK_S / history.covered_s,
        minutes,
        missed,
        len({tuple(sorted(one.labels.items())) for one in found}),
        tuple(sorted(found, key=lambda one: one.first)),
    )
