"""The calendar day before: exact in every zone, held against a walk through the zone's own days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ccops.backend.core import clock
from ccops.backend.core.config import Settings

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
# Half-hour DST, the date line both ways, midnight gaps, a midnight that comes twice, quarter-hour offsets.
STRANGE = (
    "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kwajalein", "America/Sao_Paulo", "America/St_Johns",
    "Asia/Kathmandu", "Africa/Cairo", "America/Havana", "Asia/Beirut", "Pacific/Kiritimati",
    "Antarctica/Troll",
)  # fmt: skip
BEGIN = datetime(1970, 1, 3, tzinfo=UTC)
DAYS = 24_800  # to the end of 2037
MOMENTS = st.integers(0, DAYS * 1_440 - 1).map(lambda minute: BEGIN + timedelta(minutes=minute))


def days_seen(moment: datetime, zone: ZoneInfo) -> set[date]:
    """Return every local date of the four days up to `moment`, by looking at the clock each five minutes."""
    return {(moment - timedelta(minutes=5 * i)).astimezone(zone).date() for i in range(4 * 288)}


@lru_cache(maxsize=1_000)
def in_zone(name: str) -> Settings:
    return Settings(game_tz=name)


@lru_cache(maxsize=1)
def changes() -> list[tuple[str, datetime]]:
    """Return the days on which a strange zone moved its clocks."""
    found = []
    for name in STRANGE:
        zone, at = ZoneInfo(name), BEGIN
        for _ in range(DAYS):
            later = at + timedelta(days=1)
            if at.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
                found.append((name, at))
            at = later
    return found


NEAR_A_CHANGE = st.deferred(
    lambda: st.tuples(st.sampled_from(changes()), st.integers(-1_440, 2 * 1_440)).map(
        lambda drawn: (drawn[0][0], drawn[0][1] + timedelta(minutes=drawn[1]))
    )
)


@pytest.fixture(scope="module")
def calendar() -> Iterator[object]:
    """`calendar(zone)` moves the game there."""
    with pytest.MonkeyPatch.context() as patch:
        yield lambda name: patch.setattr(clock, "settings", in_zone(name))


@settings(max_examples=150, deadline=None)
@given(where=st.tuples(st.sampled_from(ZONES), MOMENTS) | NEAR_A_CHANGE)
@example(where=("Pacific/Apia", datetime(2011, 12, 30, 10, 0, tzinfo=UTC)))
@example(where=("Pacific/Kwajalein", datetime(1993, 8, 21, 12, 1, tzinfo=UTC)))
@example(where=("America/Sao_Paulo", datetime(2018, 11, 4, 3, 0, tzinfo=UTC)))
@example(where=("America/Sao_Paulo", datetime(2018, 2, 18, 3, 0, tzinfo=UTC)))
@example(where=("America/St_Johns", datetime(2010, 11, 7, 2, 30, 30, tzinfo=UTC)))
@example(where=("America/St_Johns", datetime(2010, 11, 7, 3, 30, tzinfo=UTC)))
@example(where=("Australia/Lord_Howe", datetime(2026, 4, 4, 15, 15, tzinfo=UTC)))
@example(where=("UTC", datetime(2024, 2, 29, 0, 0, tzinfo=UTC)))
@example(where=("UTC", datetime(2024, 3, 1, 0, 0, tzinfo=UTC)))
@example(where=("UTC", datetime(2026, 3, 1, 0, 0, tzinfo=UTC)))
def test_the_day_before_is_the_last_day_that_the_zone_had(calendar, where):
    zone, moment = where
    calendar(zone)
    day = clock.game_day(moment)
    assert clock.day_before(day) == max(one for one in days_seen(moment, ZoneInfo(zone)) if one < day)


@settings(max_examples=100, deadline=None)
@given(zone=st.sampled_from(ZONES), moment=MOMENTS)
def test_days_go_back_one_by_one(calendar, zone, moment):
    calendar(zone)
    day = clock.game_day(moment)
    gap = (day - clock.day_before(day)).days
    assert gap == 1 or (gap == 2 and zone in _CROSSED), "only the date line swallows a day"


# Zones that have skipped a date since 1970.
_CROSSED = {
    "Pacific/Apia", "Pacific/Fakaofo", "Pacific/Kwajalein", "Kwajalein", "Pacific/Kiritimati",
    "Pacific/Enderbury", "Pacific/Kanton", "Asia/Manila",
}  # fmt: skip


def test_nobody_misses_the_day_that_samoa_never_had(calendar):
    calendar("Pacific/Apia")
    assert clock.day_before(date(2011, 12, 31)) == date(2011, 12, 29)


def test_a_leap_day_is_between_its_neighbours(calendar):
    calendar("Asia/Seoul")
    assert clock.day_before(date(2028, 3, 1)) == date(2028, 2, 29)
    assert clock.day_before(date(2027, 3, 1)) == date(2027, 2, 28)
    assert clock.day_before(date(2027, 1, 1)) == date(2026, 12, 31)


def test_a_midnight_that_comes_twice_makes_the_day_go_back(calendar):
    """St. John's set its clocks back at 00:01: a minute of the new day, then yesterday's last hour anew."""
    calendar("America/St_Johns")
    first, again = (datetime(2010, 11, 7, 2, 30, 30, tzinfo=UTC) + timedelta(minutes=m) for m in (0, 30))
    assert (clock.game_day(first), clock.game_day(again)) == (date(2010, 11, 7), date(2010, 11, 6))
