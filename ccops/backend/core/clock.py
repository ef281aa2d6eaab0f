"""Time: the calendar of the game, and nothing else reads the wall clock.

What decides money (expiry, windows) is decided by the database's clock; this one gives calendar days
and timestamps of messages.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ccops.backend.core.config import settings


def now() -> datetime:
    """Return the current time in UTC, shifted by GAME_CLOCK_OFFSET_S."""
    return datetime.now(UTC) + timedelta(seconds=settings.game_clock_offset_s)


def game_day(moment: datetime | None = None) -> date:
    """Return the calendar day of `moment` (default: now) in GAME_TZ."""
    return (moment or now()).astimezone(ZoneInfo(settings.game_tz)).date()


def day_before(day: date) -> date:
    """Return the calendar day that came before `day` in GAME_TZ.

    Usually yesterday; a zone that moved over the date line has none of that date (Pacific/Apia never had
    2011-12-30), and nobody misses a day that was not there.
    """
    zone = ZoneInfo(settings.game_tz)
    begin = datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
    return (begin - timedelta(microseconds=1)).astimezone(zone).date()


def iso(moment: datetime) -> str:
    """Return `moment` as `2026-11-22T09:00:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
