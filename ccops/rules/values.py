"""The strict grammar of threshold values: what a person may write in an env file, and nothing more.

`float()` takes `1_000`, `NaN` and full-width digits, YAML reads `020` as 16 and Prometheus reads a bare word
as a metric that never exists. So a value is read here, once, and templates only ever see the number.
"""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum

# ASCII only, by intent: \d would take the digits of every script.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_UNITS = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
_DURATION = re.compile("".join(f"(?:(?P<{unit}>0|[1-9][0-9]*){unit})?" for unit in _UNITS))
_LONGEST = 64
_THOUSAND = Decimal(1000)


class Kind(StrEnum):
    """Types of a threshold. A percent is a number from 0 to 100; a duration is kept in seconds."""

    INT = "int"
    NUMBER = "number"
    PERCENT = "percent"
    DURATION = "duration"


class BadValue(ValueError):
    """A text is no value of its kind; the message says why and what would be."""


def parse_value(text: str, kind: Kind, low: Decimal | None = None, high: Decimal | None = None) -> Decimal:
    """Return the number that `text` is; blanks around it and one CR at its end are forgiven.

    `low` and `high` are inclusive bounds, of a duration in seconds. Raises BadValue.
    """
    plain = text.removesuffix("\r").strip(" \t")
    value = parse_duration(plain) if kind is Kind.DURATION else _number(plain)
    if kind is Kind.INT and value != value.to_integral_value():
        raise BadValue(f"{_shown(plain)} is not a whole number")
    if kind is Kind.PERCENT and not 0 <= value <= 100:
        raise BadValue(f"{canonical(value)} is not between 0 and 100")
    show = format_duration if kind is Kind.DURATION else canonical
    if low is not None and value < low:
        raise BadValue(f"{show(value)} is below the smallest allowed, {show(low)}")
    if high is not None and value > high:
        raise BadValue(f"{show(value)} is above the largest allowed, {show(high)}")
    return value


def canonical(value: Decimal) -> str:
    """Return plain decimal notation: no exponent, no zeros behind the point, no minus before a zero."""
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def parse_duration(text: str) -> Decimal:
    """Return the seconds of a Prometheus duration: `1h30m`, units falling, no fractions, or just `0`."""
    if text == "0":
        return Decimal(0)
    match = _DURATION.fullmatch(text) if 0 < len(text) <= _LONGEST else None
    if match is None:
        raise BadValue(f"{_shown(text)} is no duration; write it like 90s, 5m or 1h30m")
    given = {unit: int(count) for unit, count in match.groupdict().items() if count is not None}
    return Decimal(sum(count * _UNITS[unit] for unit, count in given.items())) / _THOUSAND


def format_duration(seconds: Decimal) -> str:
    """Return a duration as Prometheus writes it (`90s` is `1m30s`), to the millisecond."""
    left = int(seconds * _THOUSAND)
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):  # no years and weeks: they are read, but nobody counts in them
        count, left = divmod(left, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _number(text: str) -> Decimal:
    if len(text) > _LONGEST or _NUMBER.fullmatch(text) is None:
        raise BadValue(f"{_shown(text)} is no number{_hint(text)}")
    value = Decimal(text)
    # The server computes with doubles: what is no finite one there would never fire.
    if abs(value) >= Decimal("1e300") or (value and abs(value) < Decimal("1e-300")):
        raise BadValue(f"{_shown(text)} is out of range")
    return value


def _shown(text: str) -> str:
    return ascii(text[:40]) + ("..." if len(text) > 40 else "")


def _hint(text: str) -> str:
    if not text:
        return ": it is empty"
    if re.fullmatch(r"-?0[0-9]+", text):
        return ": a leading zero would make it octal"
    if "#" in text:
        return ": a comment needs a line of its own"
    if "$" in text:
        return ": variables are not expanded"
    if "," in text or "_" in text:
        return ": write it without separators, with a point for fractions"
    if "%" in text:
        return ": the unit is known, leave the percent sign out"
    if not text.isascii():
        return ": only ASCII digits are read"
    return ""
