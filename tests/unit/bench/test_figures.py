"""The arithmetic of the benches; nothing here is timed."""

import pytest

from tests.bench.figures import Figure, bound_rank, doubted, figure, percentile
from tests.bench.journey import bare_steps, own_ms, steps_of


@pytest.mark.parametrize(
    ("n", "rank"), [(58, None), (59, 59), (100, 99), (200, 196), (500, 484), (1000, 962)]
)
def test_a_percentile_is_bounded_by_a_known_order_statistic(n: int, rank: int | None) -> None:
    assert bound_rank(n) == rank


def test_a_percentile_is_a_sample_that_enough_others_do_not_exceed() -> None:
    samples = [float(number) for number in range(200, 0, -1)]

    assert (percentile(samples, 0.5), percentile(samples, 0.95), percentile([7.0], 0.95)) == (100, 190, 7)


def test_a_figure_is_the_median_with_its_extremes() -> None:
    made = figure("up", "s", [3.0, 1.0, 2.0], "three", target=2)

    assert (made.value, made.low, made.high, made.n, made.met) == (2, 1, 3, 3, True)


def test_nothing_measured_is_no_figure() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        figure("up", "s", [], "none", target=2)


@pytest.mark.parametrize(
    ("unit", "value", "verdict"),
    [("s", 1.0, "met"), ("s", 3.0, "in doubt"), ("x", 1.0, "in doubt"), ("MB", 3.0, "NOT met")],
)
def test_a_busy_machine_excuses_only_what_it_can_have_spoilt(unit: str, value: float, verdict: str) -> None:
    one = Figure("any", unit, value, value, value, 1, "one", target=2)

    assert doubted(one, load=9, cores=2).verdict == verdict
    assert doubted(one, load=3, cores=2) == one


def test_only_steps_without_effects_count_as_bare() -> None:
    events: list[dict[str, object]] = [
        {"event": "ActDone", "step": "plain", "elapsed_ms": 10.0, "kind": "http"},
        {"event": "AssertionDone", "step": "plain", "elapsed_ms": 10.0},
        {"event": "StepDone", "step": "plain", "elapsed_ms": 11.5},
        {"event": "ActDone", "step": "watched", "elapsed_ms": 10.0, "kind": "http"},
        {"event": "StepDone", "step": "watched", "elapsed_ms": 60.0},
        {"event": "AssertionDone", "step": "watched", "elapsed_ms": 540.0},
        {"event": "ActDone", "step": "drop", "elapsed_ms": 1.0, "kind": "ws"},
        {"event": "StepDone", "step": "drop", "elapsed_ms": 450.0},
        {"event": "RunDone", "elapsed_ms": 700.0, "waited_ms": 640.0},
    ]

    assert bare_steps(events) == [1.5]
    assert (steps_of(events), own_ms(events[-1])) == (3, 60)
