"""Durations as people write them: `500ms`, `1s`, `2.5s`, `1m30s`, `24h`."""

from __future__ import annotations

import re

_UNIT_S = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}  # in milliseconds
_PIECE = re.compile(r"(?P<number>[0-9]{1,12}(?:\.[0-9]{1,6})?)(?P<unit>ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PIECE.pattern.replace('?P<number>', '?:').replace('?P<unit>', '?:')})+")


def parse_duration(value: object) -> float:
    """Return the seconds of `value`; plain 0 is allowed, any other bare number is ambiguous.

    Raises ValueError with a sentence for people.
    """
    if value == 0 and not isinstance(value, bool):
        return 0.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"duration {value} has no unit: write {value}s or {value}ms")
    if not isinstance(value, str) or not is_duration(value):
        raise ValueError("not a duration: write for example 500ms, 2s, 1m30s")
    pieces = _PIECE.finditer(value)
    return sum(float(piece["number"]) * _UNIT_S[piece["unit"]] for piece in pieces) / 1000


def is_duration(value: object) -> bool:
    """Return whether `value` is a text like `2s`; at most 60 characters are looked at."""
    return isinstance(value, str) and len(value) <= 60 and _WHOLE.fullmatch(value) is not None


def format_duration(seconds: float) -> str:
    """Return the shortest exact text of `seconds`, to the millisecond."""
    rest = round(seconds * 1000)
    if rest == 0:
        return "0s"
    text = ""
    for unit, size in _UNIT_S.items():
        number, rest = divmod(rest, size)
        if unit == "s" and number and rest:
            return f"{text}{number + rest / 1000:.3f}".rstrip("0") + "s"
        if number:
            text += f"{number}{unit}"
    return text
