"""Intervals of time that people name: incidents that must ring, maintenance that need not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

from ccops.core.errors import UsageError
from ccops.rules.tune.model import Interval

_FORM = 'a list of [start, end] or of {"start": .., "end": .., "name": ..}, times in ISO 8601 with a zone'


def load_intervals(path: Path) -> tuple[Interval, ...]:
    """Return the intervals of a YAML or JSON file. Raises UsageError that lists every bad one."""
    import yaml

    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())[:200]
        raise _invalid(path, [f"{type(error).__name__}: {said}"]) from None
    if not isinstance(loaded, list):
        raise _invalid(path, [f"expected {_FORM}"])
    found, wrong = [], []
    for number, item in enumerate(loaded, 1):
        try:
            found.append(_interval(item, f"#{number}"))
        except ValueError as error:
            wrong.append(f"entry {number}: {error}")
    if wrong:
        raise _invalid(path, wrong)
    return tuple(found)


def moment(value: object) -> float:
    """Return Unix seconds of an ISO 8601 text with a zone, a datetime or a number. Raises ValueError."""
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is no time")
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is no time") from None
    if not isinstance(value, datetime):
        kind = "has no time of day" if isinstance(value, date) else "is no time"
        raise ValueError(f"{value!s} {kind}")
    if value.tzinfo is None:
        raise ValueError(f"{value.isoformat()} has no zone: write 2026-11-22T09:00:00Z")
    return value.astimezone(UTC).timestamp()


def matches(interval: Interval, labels: Mapping[str, str]) -> bool:
    """Return whether every matcher of `interval` holds, as Alertmanager judges: regexes are anchored."""
    return all(_holds(op, labels.get(name, ""), value) for name, op, value in interval.matchers)


def _holds(op: str, have: str, want: str) -> bool:
    if op in {"=", "!="}:
        return (have == want) is (op == "=")
    return (_compiled(want).fullmatch(have) is not None) is (op == "=~")


@cache
def _compiled(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error:  # RE2 and Python differ in corners: what we can't read silences nothing
        return re.compile(r"(?!)")


def _interval(item: object, name: str) -> Interval:
    if isinstance(item, Mapping) and {"start", "end"} <= set(item) <= {"start", "end", "name"}:
        start, end, name = moment(item["start"]), moment(item["end"]), str(item.get("name") or name)
    elif isinstance(item, Sequence) and not isinstance(item, str) and len(item) == 2:
        start, end = moment(item[0]), moment(item[1])
    else:
        raise ValueError(f"expected [start, end], got {str(item)[:60]}")
    if end < start:
        raise ValueError("its end is before its start")
    return Interval(start, end, name)


def _invalid(path: Path, why: Sequence[str]) -> UsageError:
    return UsageError(
        "INTERVALS_INVALID",
        f"{path} can't be read as intervals",
        evidence="\n".join(why),
        next_step=f"write {_FORM}",
    )
