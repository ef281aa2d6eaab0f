"""Durations as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccops.smoke.durations import format_duration, is_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("1s", 1), ("2.5s", 2.5), ("1m30s", 90), ("24h", 86_400), ("1d", 86_400), (0, 0)],
)
def test_a_duration_is_read_in_seconds(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "s", "1 s", "-1s", "1s2", "1S", "1.s", None, [], True, "1e3s", "９s"]
)
def test_anything_else_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("number", [1, 300, 2.5])
def test_a_bare_number_is_refused_because_its_unit_is_unknown(number: float) -> None:
    with pytest.raises(ValueError, match="has no unit"):
        parse_duration(number)


@settings(database=None, deadline=None)
@given(st.integers(min_value=0, max_value=10**10))
def test_writing_and_reading_gives_the_same_milliseconds(milliseconds: int) -> None:
    text = format_duration(milliseconds / 1000)

    assert is_duration(text)
    assert round(parse_duration(text) * 1000) == milliseconds
