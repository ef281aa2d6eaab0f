"""Replay the state machine of an alerting rule, as Prometheus runs it (rules/alerting.go).

An alert is pending from its first true evaluation, fires at the first one that is at least `for` later, and
is inactive again at the first false or missing one. With `keep_firing_for` it goes on firing at evaluations
that are less than that later than the first false one, and a true one in between makes it as it was.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from itertools import compress, pairwise

from ccops.rules.tune.model import Condition, Episode, Series, Window

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def crossing(series: Series, op: str, thresholds: Sequence[float]) -> Iterator[tuple[float, list[int]]]:
    """Yield each threshold with the indexes at which `value op threshold` holds, the easiest one first.

    What a harder threshold lets through an easier one does too, so that each looks only at what is left.
    """
    compare = _COMPARE[op]
    at, values = list(series.at), list(series.values)
    for threshold in sorted(set(thresholds), reverse=op.startswith("<")):
        holds = [compare(value, threshold) for value in values]
        at, values = list(compress(at, holds)), list(compress(values, holds))
        yield threshold, at


def runs(hot: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last index of every stretch of neighbours in ascending `hot`."""
    if not hot:
        return
    first = hot[0]
    for one, other in pairwise(hot):
        if other != one + 1:
            yield first, one
            first = other
    yield first, hot[-1]


def firing(hot: Sequence[int], condition: Condition, step: float) -> Iterator[tuple[int, int]]:
    """Yield (index of the first firing evaluation, of the first one that no longer fires) of each episode."""
    hold = math.ceil(condition.for_s / step)
    keep = math.ceil(condition.keep_s / step)
    began: int | None = None
    ends = 0
    for first, last in runs(hot):
        if began is not None and first > ends:
            yield began, ends
            began = None
        if began is None and first + hold <= last:
            began = first + hold
        if began is not None:
            ends = last + 1 + keep
    if began is not None:
        yield began, ends


def episodes(series: Series, hot: Sequence[int], condition: Condition, window: Window) -> list[Episode]:
    """Return what would have fired on `series`; `hot` is where the rule's comparison holds.

    The state before the window is unknown: a comparison that holds at its first evaluation is an open start.
    """
    found = []
    end = window.size
    opened = next(runs(hot), (1, 0))
    for first, last in firing(hot, condition, window.step):
        starts_open = opened[0] == 0 and first <= opened[1] + 1
        found.append(Episode(series.labels, first, min(last, end), starts_open, last >= end))
    return found
