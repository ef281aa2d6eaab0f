"""The line of what Prometheus watches."""

from __future__ import annotations

from ccops.cli.stackview import watch_line, watch_rows
from ccops.stack.monitoring import Watch


def test_the_line_counts_and_names_what_is_missing() -> None:
    good = Watch(32, 32, (), 5, 5, ())
    bad = Watch(31, 32, ("BackendDown",), 4, 5, ("worker",))

    assert (watch_line(good), good.good) == ("rules loaded 32/32   targets up 5/5", True)
    assert watch_line(bad).endswith("targets up 4/5   down: worker   failing: BackendDown")
    assert not bad.good


def test_without_prometheus_there_is_no_line_and_the_data_says_null() -> None:
    assert watch_rows(None) == {"monitoring": None}
