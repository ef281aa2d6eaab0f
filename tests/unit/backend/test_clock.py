"""The game's calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ccops.backend.core import clock
from ccops.backend.core.config import Settings
from ccops.backend.services.users import age_on


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Asia/Seoul", "2026-11-22T14:59:59+00:00", "2026-11-22"),
        ("Asia/Seoul", "2026-11-22T15:00:00+00:00", "2026-11-23"),
        ("UTC", "2026-11-22T23:59:59+00:00", "2026-11-22"),
        ("America/New_York", "2026-11-01T03:59:59+00:00", "2026-10-31"),
    ],
)
def test_the_day_is_the_one_of_the_games_time_zone(monkeypatch, zone, moment, day):
    monkeypatch.setattr(clock, "settings", Settings(game_tz=zone))
    assert clock.game_day(datetime.fromisoformat(moment)) == date.fromisoformat(day)


def test_the_offset_moves_the_calendar(monkeypatch):
    monkeypatch.setattr(clock, "settings", Settings(game_clock_offset_s=86_400))
    ahead = clock.now() - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < ahead < timedelta(hours=24, minutes=1)


def test_moments_are_written_in_utc_with_milliseconds():
    moment = datetime.fromisoformat("2026-11-22T18:00:00.123456+09:00")
    assert clock.iso(moment) == "2026-11-22T09:00:00.123Z"


@pytest.mark.parametrize(
    ("birth", "day", "age"),
    [
        ("2000-06-15", "2019-06-14", 18),
        ("2000-06-15", "2019-06-15", 19),
        ("2000-02-29", "2019-02-28", 18),
        ("2000-02-29", "2019-03-01", 19),
        ("2000-02-29", "2020-02-29", 20),
        ("2019-06-15", "2019-06-15", 0),
    ],
)
def test_age_in_whole_years(birth, day, age):
    assert age_on(date.fromisoformat(day), date.fromisoformat(birth)) == age
