"""Windows of time: aware, in order, not in the future."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ccops.core.errors import UsageError
from ccops.data.reconcile_model import to_ms
from ccops.data.reconcile_window import window

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


def test_the_default_is_the_last_day_up_to_the_settle_margin() -> None:
    made = window(NOW, settle_s=10)

    assert made.until == NOW - timedelta(seconds=10)
    assert made.until - made.since == timedelta(days=1)


def test_last_counts_back_from_the_end() -> None:
    made = window(NOW, last_s=600, settle_s=0)

    assert (made.since, made.until) == (NOW - timedelta(minutes=10), NOW)


def test_offsets_are_understood() -> None:
    made = window(NOW, since="2026-11-23T09:00:00+09:00", until="2026-11-23T00:30:00Z", settle_s=0)

    assert (made.since.hour, made.until.minute) == (0, 30)


@pytest.mark.parametrize(
    ("since", "until", "last_s"),
    [
        ("2026-11-23T00:00:00", "", None),  # no zone
        ("", "2026-11-23T00:00:00", None),
        ("yesterday", "", None),
        ("2026-11-23T00:00:00Z", "", 60.0),  # two beginnings
        ("2026-11-23T02:00:00Z", "2026-11-23T01:00:00Z", None),
        ("", "2026-11-23T03:00:01Z", None),  # the future
        ("", "", 0.0),
    ],
)
def test_what_is_no_window_is_a_usage_error(since: str, until: str, last_s: float | None) -> None:
    with pytest.raises(UsageError) as caught:
        window(NOW, since=since, until=until, last_s=last_s, settle_s=0)
    assert caught.value.code == "WINDOW_INVALID"


def test_milliseconds_are_cut_off_as_in_an_events_own_text() -> None:
    moment = datetime(2026, 11, 23, 3, 0, 0, 999_999, tzinfo=UTC)
    assert to_ms(moment) % 1000 == 999
