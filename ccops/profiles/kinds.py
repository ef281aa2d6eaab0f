"""What a value may be: judged by a JSON schema, as the backend's contract and our own keys describe it.

Words of `settings.json`: type, minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength,
enum, pattern, format (time-zone, uri), and of ours: secret, when_protected, refused_when_protected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import urlsplit

Schema = Mapping[str, object]

# What pydantic takes for a bool; the backend reads its settings with it.
_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE = frozenset({"0", "false", "f", "no", "n", "off"})
_INT = re.compile(r"[+-]?[0-9]+(?:_[0-9]+)*(?:\.0+)?")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class Wrong(ValueError):
    """A text is no value of its schema; the message says why and never repeats a secret."""


def parsed(text: str, schema: Schema) -> bool | int | float | str:
    """Return the value that `text` is. Raises Wrong."""
    kind = schema.get("type", "string")
    if kind == "boolean":
        value: bool | int | float | str = _boolean(text)
    elif kind == "integer":
        value = _number(text, _INT, "whole number")
    elif kind == "number":
        value = _number(text, _FLOAT, "number")
    else:
        value = text
    _check_enum(text, schema)
    if isinstance(value, str):
        _check_text(value, schema)
    elif not isinstance(value, bool):
        _check_range(value, schema)
    return value


def default_of(schema: Schema) -> bool | int | float | str | None:
    """Return the declared default; None when there is none, as for secrets."""
    value = schema.get("default")
    return value if isinstance(value, bool | int | float | str) else None


def is_secret(key: str, schema: Schema | None) -> bool:
    """Return whether the value of `key` must not be shown."""
    if schema is not None and schema.get("secret"):
        return True
    return re.search(r"PASSWORD|SECRET|TOKEN|_KEYS?$", key, re.IGNORECASE) is not None


def _boolean(text: str) -> bool:
    lower = text.lower()
    if lower not in _TRUE | _FALSE:
        raise Wrong("must be 0 or 1")
    return lower in _TRUE


def _number(text: str, form: re.Pattern[str], name: str) -> int | float:
    if form.fullmatch(text.strip()) is None:
        raise Wrong(f"must be a {name}")
    value = float(text)
    return int(value) if form is _INT else value


def _check_enum(text: str, schema: Schema) -> None:
    allowed = schema.get("enum")
    if isinstance(allowed, Sequence) and text not in {str(one) for one in allowed}:
        words = ", ".join(str(one) or "(empty)" for one in allowed)
        raise Wrong(f"must be one of {words}")


def _check_range(value: int | float, schema: Schema) -> None:
    low, high = _bound(schema, "minimum"), _bound(schema, "maximum")
    above, below = _bound(schema, "exclusiveMinimum"), _bound(schema, "exclusiveMaximum")
    if low is not None and value < low:
        raise Wrong(f"is below the smallest allowed, {low:g}")
    if high is not None and value > high:
        raise Wrong(f"is above the largest allowed, {high:g}")
    if above is not None and value <= above:
        raise Wrong(f"must be above {above:g}")
    if below is not None and value >= below:
        raise Wrong(f"must be below {below:g}")


def _check_text(value: str, schema: Schema) -> None:
    low, high = _bound(schema, "minLength"), _bound(schema, "maxLength")
    if low is not None and len(value) < low:
        raise Wrong(f"is shorter than {low:g} characters")
    if high is not None and len(value) > high:
        raise Wrong(f"is longer than {high:g} characters")
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and re.search(pattern, value) is None:
        raise Wrong(f"does not match {pattern}")
    if schema.get("format") == "time-zone":
        _check_zone(value)
    if schema.get("format") == "uri":
        _check_uri(value, cast("Sequence[str]", schema.get("schemes", ())))


def _check_zone(value: str) -> None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Wrong("is no time zone; write it like Asia/Seoul") from None


def _check_uri(value: str, schemes: Sequence[str]) -> None:
    try:
        parts = urlsplit(value)
        complete = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise Wrong("is no address") from None
    if not complete or parts.scheme not in schemes:
        raise Wrong(f"must be {' or '.join(schemes)}://HOST")


def _bound(schema: Schema, name: str) -> float | None:
    value = schema.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
