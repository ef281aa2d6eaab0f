"""What the engine asks of a system: observations, and a baseline taken before the act."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from ccops.smoke.matchers import Literal

Mask = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Observation:
    """One row, key, sample, frame or record as a JSON object, and where to find it again."""

    data: Mapping[str, object]
    evidence: str
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Look:
    """What to look at; `by` narrows by fields, `baseline` is the probe's own word from before the act."""

    source: Mapping[str, object]
    trace: str = ""
    by: Mapping[str, object] | None = None
    baseline: object = None


class Probe(Protocol):
    """One system. `observe` raises Unreachable when it is gone, QueryFailed when it was asked nonsense."""

    system: str

    async def baseline(self, source: Mapping[str, object]) -> object:
        """Return what `observe` needs to know about the time before the act."""
        ...

    async def observe(self, look: Look) -> Sequence[Observation]:
        """Return everything that answers `look` now."""
        ...

    async def wait(self, seconds: float) -> None:
        """Return after `seconds`, or as soon as there may be something new."""
        ...


class QueryFailed(Exception):
    """The system answered that the question is wrong (unknown column, bad PromQL): a failed assertion."""


class Polled:
    """Defaults of probes that are asked again and again."""

    async def baseline(self, source: Mapping[str, object]) -> object:
        return None

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def plain(value: object) -> object:
    """Return `value` as JSON would hold it, so that matchers and reports see one kind of data."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)


def field_of(data: Mapping[str, object], path: str) -> object:
    """Return the value at `path` (`user_id`, `value.user_id`); None when it is not there."""
    if path in data:
        return data[path]
    value: object = data
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def narrowed(found: Sequence[Observation], by: Mapping[str, object] | None) -> list[Observation]:
    """Return the observations whose fields equal `by`; numbers and their text count as equal."""
    if not by:
        return list(found)
    return [one for one in found if all(_same(field_of(one.data, key), want) for key, want in by.items())]


def _same(got: object, want: object) -> bool:
    return got == want or (got is not None and str(got) == str(want))


def brief(data: object, limit: int = 300, mask: Mask | None = None) -> str:
    """Return `data` as one line for people: masked first, since half a secret is not recognised any more."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, default=_shown)
    text = mask(text) if mask else text
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _shown(value: object) -> object:
    """Return a matcher's literal as its value; whatever else JSON has no form for as text."""
    return value.value if isinstance(value, Literal) else str(value)


_BRACKETS = re.compile(r"\([^()]*\)")


def row_evidence(row: Mapping[str, object], query: str, number: int) -> str:
    """Return `table:id` of a row as far as its columns tell: id, event_id, else its place in the answer."""
    outer = query
    # A subquery's table is not where the row is: the innermost brackets go first.
    while outer != (outer := _BRACKETS.sub(" ", outer)):
        continue
    words = outer.split()
    lowered = [word.lower() for word in words]
    table = words[lowered.index("from") + 1].strip("();,") if "from" in lowered[:-1] else "query"
    for key in ("id", "event_id", "public_id", "transaction_id", "round_id"):
        if row.get(key) is not None:
            return f"{table}:{key}={row[key]}"
    return f"{table}:row {number}"
