"""Points in time as people write them. A time that could mean two moments is refused, never guessed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ccops.core.clock import iso
from ccops.core.errors import Refused, UsageError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_EPOCH = re.compile(r"(?P<number>\d{1,16})(?P<unit>ms|s)")
_DIGITS = re.compile(r"\d+")
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_MILLI = timedelta(milliseconds=1)
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_LONGEST = timedelta(days=3650)


def parse_time(text: str, now: datetime, *, zone: str = "", protected: bool = True) -> tuple[datetime, str]:
    """Return the moment that `text` means, in UTC, and a note when something was assumed.

    Understood: ISO 8601 with an offset (`2026-11-22T09:00:00+09:00`), without one together with `zone` (an
    IANA name), and epochs with their unit (`1795398211s`, `1795398211457ms`). Without offset and zone it is
    UTC, but never on a protected profile. Raises UsageError for what can't be read, Refused for a time in the
    future, one that a change of clocks skipped or repeats, and a naive one on a protected profile.
    """
    moment, note = _moment(text.strip(), zone, protected)
    if moment < _EPOCH_START:
        raise _unreadable(text, "it is before 1970")
    if moment > now:
        raise Refused(
            "KAFKA_TIME_FUTURE",
            f"{iso(moment)} is in the future",
            evidence=f"now is {iso(now)}; no record can be looked up by a time that has not come",
            next_step="correct the time, or say what you mean: --to-latest",
        )
    return moment, note


def to_ms(moment: datetime) -> int:
    """Return milliseconds since 1970, rounded up: no record before `moment` may be found by it."""
    whole, rest = divmod(moment - _EPOCH_START, _MILLI)
    return whole + (1 if rest else 0)


def parse_duration(text: str) -> timedelta:
    """Return `90s`, `15m`, `1h30m` or `7d` as a duration. Raises UsageError for anything else."""
    match = _DURATION.fullmatch(text.strip())
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    try:
        found = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        found = timedelta(0)
    if not timedelta(0) < found <= _LONGEST:
        raise UsageError(
            "KAFKA_DURATION_INVALID",
            f"{text!r} is no duration",
            evidence="days, hours, minutes and seconds in this order, above zero, ten years at most",
            next_step="for example 90s, 15m, 1h30m or 7d",
        )
    return found


def _moment(text: str, zone: str, protected: bool) -> tuple[datetime, str]:
    if epoch := _EPOCH.fullmatch(text):
        return _epoch(text, int(epoch["number"]), epoch["unit"]), ""
    if _DIGITS.fullmatch(text):
        raise _unreadable(text, "a bare number could be seconds, milliseconds or a date")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _unreadable(text, str(error)) from None
    try:
        if moment.tzinfo is not None:
            return moment.astimezone(UTC), ""
        if zone:
            return _in_zone(moment, _zone(zone), zone), ""
    except OverflowError as error:
        raise _unreadable(text, str(error)) from None
    if protected:
        raise Refused(
            "KAFKA_TIME_NAIVE",
            f"{text} does not say which zone it is in",
            evidence="on a protected profile a time needs an offset: two people would read it as two moments",
            next_step=f"{text}Z for UTC, {text}+09:00, or --tz Asia/Seoul",
        )
    return moment.replace(tzinfo=UTC), f"{text} has no zone and was taken as UTC"


def _epoch(text: str, number: int, unit: str) -> datetime:
    try:
        return _EPOCH_START + (timedelta(seconds=number) if unit == "s" else timedelta(milliseconds=number))
    except OverflowError:
        raise _unreadable(text, "it is after the year 9999") from None


def _zone(name: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise UsageError(
            "KAFKA_ZONE_UNKNOWN",
            f"there is no time zone {name!r}",
            evidence="a zone is an IANA name, with capitals",
            next_step="for example --tz Asia/Seoul or --tz UTC",
        ) from None


def _in_zone(naive: datetime, zone: ZoneInfo, name: str) -> datetime:
    """Return the one moment at which clocks in `zone` showed `naive`; both folds must be that moment."""
    early, late = (naive.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if early == late:
        return early
    if early.astimezone(zone).replace(tzinfo=None) != naive:
        raise Refused(
            "KAFKA_TIME_SKIPPED",
            f"clocks in {name} never showed {naive.isoformat()}",
            evidence=f"they were put forward over it; near it are {iso(late)} and {iso(early)}",
            next_step="write the moment you mean with its offset",
        )
    raise Refused(
        "KAFKA_TIME_TWICE",
        f"clocks in {name} showed {naive.isoformat()} twice",
        evidence=f"it was {iso(early)} and again {iso(late)}",
        next_step="write the one you mean with its offset",
    )


def _unreadable(text: str, why: str) -> UsageError:
    return UsageError(
        "KAFKA_TIME_INVALID",
        f"{text!r} is no point in time",
        evidence=why,
        next_step="for example 2026-11-22T09:00:00+09:00, 1795398211s or 1795398211457ms",
    )
