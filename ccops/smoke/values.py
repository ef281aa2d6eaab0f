"""Values as the matchers see them: database types in their JSON form, and texts that fit a line."""

from __future__ import annotations

import base64
import json
import math
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID


class Missing:
    """The type of MISSING: a key that is not there, which is not null."""

    def __repr__(self) -> str:
        return "(absent)"


MISSING = Missing()


class Literal:
    """A value that is compared by strict equality and never read as a matcher."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)


def normal(value: object) -> object:
    """Return `value` in its JSON form, one level deep; Decimal stays, since it is exact."""
    if value is None or isinstance(value, str | bool | int | float | Decimal):
        return value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return _text(bytes(value))
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    return str(value) if isinstance(value, UUID) else value


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return base64.b64encode(raw).decode()


def is_number(value: object) -> bool:
    """Return whether `value` is a number; true and false are none."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def same_scalar(wanted: object, got: object) -> bool:
    """Return JSON equality of two scalars: 1 is 1.0, true is not 1, "1" is not 1."""
    if isinstance(wanted, bool) or isinstance(got, bool):
        return isinstance(wanted, bool) and isinstance(got, bool) and wanted is got
    if is_number(wanted) and is_number(got):
        return _same_number(wanted, got)
    return type(wanted) is type(got) and wanted == got


def _same_number(wanted: object, got: object) -> bool:
    pair = [
        _decimal(side) if isinstance(wanted, Decimal) or isinstance(got, Decimal) else side
        for side in (wanted, got)
    ]
    both_nan = all(isinstance(side, float | Decimal) and math.isnan(side) for side in pair)
    return both_nan or bool(pair[0] == pair[1])


def _decimal(value: object) -> object:
    # Decimal("0.1") and 0.1 mean the same to whoever wrote the scenario; compare their decimal texts.
    return Decimal(repr(value)) if isinstance(value, float) else value


def jsonable(value: object) -> object:
    """Return a deep copy of `value` that json.dumps takes as it is."""
    value = normal(value)
    if isinstance(value, Missing):
        return "(absent)"
    if isinstance(value, Literal):
        return jsonable(value.value)
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [jsonable(item) for item in value]
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def shown(value: object, mask: Callable[[str], str] | None = None) -> str:
    """Return `value` as compact JSON on one line, masked."""
    if isinstance(value, Missing):
        return "(absent)"
    plain = jsonable(value)
    text = (
        plain
        if isinstance(plain, str) and isinstance(value, Decimal)
        else json.dumps(plain, ensure_ascii=False)
    )
    text = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
    return mask(text) if mask else text


def columns(text: str) -> int:
    """Return the terminal columns of `text`: wide glyphs take two, combining marks none."""
    return sum(_columns_of(char) for char in text)


def _columns_of(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def shorten(text: str, width: int) -> str:
    """Return `text` cut to `width` columns with an ellipsis, never through a wide glyph."""
    if columns(text) <= width:
        return text
    kept, used = "", 0
    for char in text:
        if used + _columns_of(char) > width - 1:
            break
        kept, used = kept + char, used + _columns_of(char)
    return kept + "…"
