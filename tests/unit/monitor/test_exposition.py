"""Prometheus' text format is read as its writers mean it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ccops.core.exposition import ExpositionError, Series, parse


def test_types_and_samples_of_the_reference_writer_come_back() -> None:
    registry = CollectorRegistry()
    Counter("shop", "With\nlines.", ("reason",), registry=registry).labels('a"b\\c\nd}').inc(3)
    Histogram("lag_ms", "x", buckets=(1, 5), registry=registry).observe(2)
    Gauge("open", "x", registry=registry).set(-math.inf)
    found = parse(generate_latest(registry).decode())
    assert found.samples[Series("shop_total", (("reason", 'a"b\\c\nd}'),))] == 3
    assert found.samples[Series("lag_ms_bucket", (("le", "5.0"),))] == 1
    assert found.samples[Series("open")] == -math.inf
    assert found.types["lag_ms"] == "histogram"


def test_what_only_grows_is_known_by_its_type() -> None:
    found = parse("# TYPE a_total counter\n# TYPE h histogram\n# TYPE g gauge\n")
    assert [found.counts(name) for name in ("a_total", "h_bucket", "h_sum", "g", "g_count", "z")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line", ["a", "a{", 'a{b="1" 2', 'a{b="1"} x', "a{b=1} 2", 'a{b="1"c="2"} 3', "1a 2", "{} 1"]
)
def test_a_line_that_is_no_sample_is_named_by_its_number(line: str) -> None:
    with pytest.raises(ExpositionError, match="line 2 is no sample"):
        parse(f"ok 1\n{line}\n")


@pytest.mark.parametrize(
    "line", ["a 1", "a{} 1", 'a{b="1",} 1', "a 1 1700000000000", 'a{b="}"} 1', "# whatever", "", "a NaN"]
)
def test_its_near_misses_are_read(line: str) -> None:
    assert len(parse(f"{line}\n").samples) == (line.startswith("a"))


@given(st.dictionaries(st.sampled_from("abc"), st.text(max_size=8)))
def test_a_series_that_is_written_is_read_again(labels: dict[str, str]) -> None:
    series = Series("metric", tuple(sorted(labels.items())))
    assert parse(f"{series} 7\n").samples == {series: 7.0}
