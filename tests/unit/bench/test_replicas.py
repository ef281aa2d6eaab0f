"""What the bench of replicas makes of its rounds, and that a machine without Docker is a visible skip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.bench import replicas
from tests.bench.__main__ import measure
from tests.bench.plan import Bench, Context
from tests.bench.render import as_json, text
from tests.bench.stack import Shared
from tests.e2e.compose.engine import NoEngine


def test_replicas_are_compared_within_the_round_they_were_measured_in() -> None:
    figures = replicas._writing({1: [100.0, 200.0], 2: [150.0, 220.0], 4: [90.0, 100.0]}, "made up", "writes")

    by_name = {one.name: one for one in figures}
    assert (by_name["writes, 2 / 1"].low, by_name["writes, 2 / 1"].high) == (1.1, 1.5)
    assert by_name["writes, 2 / 1"].met is True
    assert by_name["writes, 4 / 1"].target is None
    assert by_name["writes, 1 backend(s)"].value == 150


@pytest.mark.parametrize(
    ("pairs", "verdict"),
    [
        ([0.9, 0.95, 1.05, 1.1] * 3, "met"),
        ([0.9, 0.94, 0.98, 1.1] * 3, "in doubt"),
        ([0.9, 0.94, 0.97, 0.98] * 3, "NOT met"),
        ([0.9, 0.98, 1.1], "NOT met"),  # too few to doubt anything
    ],
)
def test_a_target_within_what_can_be_told_apart_is_in_doubt(pairs: list[float], verdict: str) -> None:
    assert replicas._ratio("2 / 1", pairs, target=1.0).verdict == verdict


def test_a_ratio_says_where_the_true_one_lies() -> None:
    # Of twelve the third and the tenth: as many below the median as heads in twelve throws.
    made = replicas._ratio("4 / 1", [number / 10 for number in range(1, 13)])
    assert "lies in 0.300 to 1.000" in made.rests_on
    assert made.doubt == ""


def test_without_an_engine_the_bench_is_skipped_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def nobody() -> Iterator[None]:
        raise NoEngine("only root can start a Docker engine")
        yield

    monkeypatch.setattr(replicas, "running", nobody)
    monkeypatch.setattr("tests.bench.__main__.python_pass_s", lambda: 0.01)

    result = measure(Bench("replicas", replicas.bench), Context(1, Shared(), lambda _: None))

    assert (result.figures, result.problem) == ((), "")
    assert "SKIPPED: no Docker engine on this machine: only root can start" in text(result)
    assert '"skipped": "no Docker engine' in as_json([result], {}, 1)
