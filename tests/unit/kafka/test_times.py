"""A time means one moment, or it is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ccops.core.errors import CcopsError, Refused, UsageError
from ccops.kafka.times import parse_duration, parse_time, to_ms

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
ZONES = ("Asia/Seoul", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC")
moments = st.integers(31_536_000_000_000, 1_795_300_000_000_000).map(
    lambda micros: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
)


@given(moments, st.sampled_from(ZONES))
def test_every_spelling_of_a_moment_is_that_moment(moment: datetime, zone: str) -> None:
    local = moment.astimezone(ZoneInfo(zone))
    assume(local.utcoffset() == timedelta(seconds=int(local.utcoffset().total_seconds())))  # type: ignore[union-attr]
    for text in (moment.isoformat(), local.isoformat(), moment.isoformat().replace("+00:00", "Z")):
        assert parse_time(text, NOW) == (moment, "")
    whole = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert parse_time(f"{to_ms(whole)}ms", NOW)[0] == whole
    second = moment.replace(microsecond=0)
    assert parse_time(f"{to_ms(second) // 1000}s", NOW)[0] == second


@given(moments, st.sampled_from(ZONES))
def test_a_clock_time_with_a_zone_is_the_moment_or_is_refused(moment: datetime, zone: str) -> None:
    shown = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
    try:
        found, note = parse_time(shown.isoformat(), NOW, zone=zone)
    except Refused:
        late = shown.replace(tzinfo=ZoneInfo(zone), fold=1)
        assert late.astimezone(UTC) != late.replace(fold=0).astimezone(UTC)  # it was shown twice indeed
    else:
        assert (found, note) == (moment, "")


@given(moments)
def test_milliseconds_are_rounded_up_so_that_nothing_earlier_is_found(moment: datetime) -> None:
    found = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=to_ms(moment))
    assert timedelta(0) <= found - moment < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("text", "zone", "code"),
    [
        ("2026-03-29T02:30:00", "Europe/Berlin", "KAFKA_TIME_SKIPPED"),
        ("2025-10-26T02:30:00", "Europe/Berlin", "KAFKA_TIME_TWICE"),
        ("2026-10-04T02:15:00", "Australia/Lord_Howe", "KAFKA_TIME_SKIPPED"),
        ("2026-11-22T09:00:00", "", "KAFKA_TIME_NAIVE"),
        ("2026-11-22", "", "KAFKA_TIME_NAIVE"),
        ("2026-11-23T03:00:01Z", "", "KAFKA_TIME_FUTURE"),
        ("2026-11-22T09:00:00", "Asia/Soul", "KAFKA_ZONE_UNKNOWN"),
        ("2026-11-22T09:00:00", "../etc/passwd", "KAFKA_ZONE_UNKNOWN"),
    ],
)
def test_a_time_that_could_mean_something_else_is_refused(text: str, zone: str, code: str) -> None:
    with pytest.raises(CcopsError) as caught:
        parse_time(text, NOW, zone=zone)
    assert caught.value.code == code
    assert caught.value.evidence and caught.value.next_step


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "20261122", "1795398211", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "1e9s"),
        *("-5s", "1969-12-31T23:59:59Z", "9999999999999999s", "2026-11-22T24:30:00Z"),
        "0001-01-01T00:00:00+23:59",
    ],
)
def test_what_is_no_time_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="no point in time"):
        parse_time(text, NOW)


def test_without_a_zone_an_unprotected_profile_takes_utc_and_says_so() -> None:
    found, note = parse_time("2026-11-22T09:00:00", NOW, protected=False)
    assert found == datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert "taken as UTC" in note


@given(st.text(max_size=30))
def test_no_text_is_a_bug(text: str) -> None:
    for zone in ("", "Asia/Seoul"):
        try:
            found, _ = parse_time(text, NOW, zone=zone, protected=False)
        except CcopsError:
            continue
        assert found.tzinfo is UTC


@given(st.integers(0, 30), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_is_the_sum_of_its_parts(days: int, hours: int, minutes: int, seconds: int) -> None:
    text = f"{days}d{hours}h{minutes}m{seconds}s"
    wanted = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if wanted:
        assert parse_duration(text) == wanted
    else:
        with pytest.raises(UsageError):
            parse_duration(text)


@pytest.mark.parametrize("text", ["", "5", "-5m", "1.5h", "5m1h", "m", "99999999999d", "10 m"])
def test_what_is_no_duration_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_duration(text)
    assert caught.value.code == "KAFKA_DURATION_INVALID"
