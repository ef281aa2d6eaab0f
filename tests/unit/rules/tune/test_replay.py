"""The state machine of an alert: against a naive reference that evaluates step by step, and by hand."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccops.rules.tune.model import Condition, Series, Window
from ccops.rules.tune.replay import crossing, episodes, firing, runs

STEP = 30


@dataclass
class Alert:
    """Prometheus' own alert, written as its source is: rules/alerting.go, Eval."""

    active_at: int
    firing: bool = False
    keep_since: int | None = None


def reference(true_at: set[int], size: int, hold_s: float, keep_s: float) -> list[tuple[int, int]]:
    """Evaluate `size` times; return (fired at, resolved at) of each episode, `size` when it still fires."""
    found: list[tuple[int, int]] = []
    alert: Alert | None = None
    fired = 0
    for index in range(size):
        now = index * STEP
        if index in true_at:
            alert = alert or Alert(now)
            alert.keep_since = None
        elif alert is not None:
            keeps = False
            if alert.firing and keep_s > 0:
                alert.keep_since = now if alert.keep_since is None else alert.keep_since
                keeps = now - alert.keep_since < keep_s
            if not keeps:
                if alert.firing:
                    found.append((fired, index))
                alert = None
        if alert is not None and not alert.firing and now - alert.active_at >= hold_s:
            alert.firing, fired = True, index
    if alert is not None and alert.firing:
        found.append((fired, size))
    return found


HOLDS = st.one_of(st.sampled_from([0, 30, 60, 120, 300]), st.integers(0, 400))


@given(st.lists(st.booleans(), max_size=120), HOLDS, HOLDS)
def test_the_replay_does_what_prometheus_does(truth: list[bool], hold: int, keep: int) -> None:
    hot = [index for index, one in enumerate(truth) if one]
    window = Window(0, max(0, len(truth) - 1) * STEP, STEP)
    series = Series({}, range(len(truth)), [1.0] * len(truth))
    found = episodes(series, hot, Condition(">", hold, keep), window)
    assert [(one.first, one.last) for one in found] == reference(set(hot), len(truth), hold, keep)


@given(st.lists(st.floats(-50, 50), max_size=60), st.sampled_from([">", ">=", "<", "<="]))
def test_every_threshold_is_compared_as_if_alone(values: list[float], op: str) -> None:
    series = Series({}, range(len(values)), values)
    thresholds = [-10.0, 0.0, 10.0, *values[:3]]
    compare = {">": float.__gt__, ">=": float.__ge__, "<": float.__lt__, "<=": float.__le__}[op]
    for threshold, hot in crossing(series, op, thresholds):
        assert hot == [index for index, value in enumerate(values) if compare(value, threshold)]


@given(st.sets(st.integers(0, 200)))
def test_runs_are_the_stretches_of_neighbours(members: set[int]) -> None:
    hot = sorted(members)
    found = list(runs(hot))
    assert [index for first, last in found for index in range(first, last + 1)] == hot
    assert all(other[0] > one[1] + 1 for one, other in pairwise(found))


@pytest.mark.parametrize(
    ("hot", "hold", "keep", "wanted"),
    [
        ([5], 0, 0, [(5, 6)]),
        ([5], 30, 0, []),
        ([5, 6], 30, 0, [(6, 7)]),
        ([5, 6, 7, 8], 120, 0, []),  # true for 90 s: the fifth evaluation would be the first at 120 s
        ([5, 6, 7, 8, 9], 120, 0, [(9, 10)]),
        ([5, 6, 8, 9], 60, 0, []),  # a missing evaluation in between starts it anew
        ([5, 6, 8], 30, 60, [(6, 11)]),  # kept at 7, true at 8, kept at 9 and 10
        ([5, 6, 9], 30, 60, [(6, 12)]),  # kept at 7 and 8, true again at 9: one episode
        ([5, 6, 10], 30, 60, [(6, 9)]),  # at 9 it ends, and 10 is alone
    ],
)
def test_cases_by_hand(hot: list[int], hold: int, keep: int, wanted: list[tuple[int, int]]) -> None:
    assert list(firing(hot, Condition(">", hold, keep), STEP)) == wanted


def test_edges_of_the_window_are_told() -> None:
    window = Window(0, 9 * STEP, STEP)
    series = Series({"flow": "gem"}, range(10), [1.0] * 10)
    one, other = episodes(series, [0, 1, 2, 6, 7, 8, 9], Condition(">", 60), window)
    assert (one.open_start, one.open_end) == (True, False)
    assert (other.open_start, other.open_end, other.last) == (False, True, 10)
