"""Merge the services' logs into one stream in the order of time."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ccops.core.errors import Unreachable, UsageError
from ccops.core.profile import Profile
from ccops.stack.logfiles import tail
from ccops.stack.members import members
from ccops.stack.paths import StateDir
from ccops.stack.services.graph import NEEDS, check_names

_STAMP = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d:\d\d)(?:[.,](?P<part>\d{1,6})\d*)?"
    r"\s?(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?"
)
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Line:
    """One log line; `at` is its own time stamp, else the one of the line before it."""

    service: str
    text: str
    at: float = 0.0


def files_of(profile: Profile, services: Iterable[str]) -> dict[str, Path]:
    """Return the log files of `services` (none named: all that exist). Raises Unreachable without any."""
    state_dir, names = StateDir(profile.state_dir), tuple(services)
    check_names((name for name in names if name != "supervisor"), members=True)
    found = [path.stem for path in sorted(state_dir.log("NAME").parent.glob("*.log"))]
    files = {
        member: state_dir.log(member)
        for name in names or (*NEEDS, "supervisor")
        for member in dict.fromkeys((name, *members(name, found)))
    }
    if not any(path.is_file() for path in files.values()):
        raise Unreachable(
            "LOGS_MISSING",
            "there are no logs" + (f" of {', '.join(names)}" if names else ""),
            evidence=f"looked in {state_dir.log('NAME').parent}",
            next_step=f"ccops up --env {profile.env}",
        )
    return files


def pattern(text: str) -> re.Pattern[str] | None:
    """Return the compiled `--grep`. Raises UsageError that points at the mistake."""
    if not text:
        return None
    try:
        return re.compile(text)
    except re.error as err:
        raise UsageError(
            "PATTERN_INVALID",
            f"--grep is no regular expression: {err.msg}",
            evidence=f"{text}\n{' ' * (err.pos or 0)}^",
            next_step="escape special characters with a backslash",
        ) from err


def recent(logs: dict[str, Path], lines: int, grep: re.Pattern[str] | None = None) -> list[Line]:
    """Return the last `lines` matching lines of all `logs` together, oldest first."""
    merged: list[Line] = []
    for service, path in logs.items():
        # With a filter the wanted lines may lie far back.
        found = _stamped(service, tail(path, lines if grep is None else 200_000))
        merged += [line for line in found if grep is None or grep.search(line.text)][-lines:]
    merged.sort(key=lambda line: line.at)
    return merged[-lines:] if lines else []


def follow(logs: dict[str, Path], grep: re.Pattern[str] | None = None) -> Iterator[Line]:
    """Yield new lines for ever, starting now; a truncated or new file is read from its start."""
    places = {service: _size(path) for service, path in logs.items()}
    rests = dict.fromkeys(logs, b"")
    while True:
        idle = True
        for service, path in logs.items():
            size = _size(path)
            if size == places[service]:
                continue
            idle = False
            start = places[service] if size > places[service] else 0
            with path.open("rb") as file:
                file.seek(start)
                data = rests[service] + file.read(size - start)
            places[service] = size
            *whole, rests[service] = data.split(b"\n")
            for raw in whole:
                text = raw.decode("utf-8", "replace")
                if grep is None or grep.search(text):
                    yield Line(service, text)
        if idle:
            time.sleep(_POLL_S)


def _stamped(service: str, texts: Sequence[str]) -> list[Line]:
    lines: list[Line] = []
    at = 0.0
    for text in texts:
        at = _time_of(text) or at
        lines.append(Line(service, text, at))
    return lines


def _time_of(text: str) -> float:
    match = _STAMP.search(text[:200])
    if match is None:
        return 0.0
    zone = match["zone"] or ""
    zone = "+00:00" if zone in {"", "Z", "UTC"} else zone
    stamp = f"{match['day']}T{match['time']}.{(match['part'] or '0').ljust(6, '0')}{zone}"
    try:
        return datetime.fromisoformat(stamp).astimezone(UTC).timestamp()
    except ValueError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
