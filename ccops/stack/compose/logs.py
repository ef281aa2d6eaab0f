"""The containers' logs as one stream in the order of time; the engine's own stamps decide."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from ccops.clients.docker import open_docker
from ccops.core.profile import Profile
from ccops.stack.compose.containers import of_project
from ccops.stack.compose.failures import stack_down
from ccops.stack.compose.layout import project_name
from ccops.stack.logview import Line
from ccops.stack.services.graph import check_names

# With a filter the wanted lines may lie far back.
_FAR = 20_000


def recent(
    profile: Profile, services: Iterable[str], lines: int, grep: re.Pattern[str] | None = None
) -> list[Line]:
    """Return the last `lines` matching lines of `services` (none: all), oldest first; dead ones' too."""
    names = tuple(services)
    check_names(names, members=True)
    merged: list[Line] = []
    with open_docker() as docker:
        found = of_project(docker, project_name(profile))
        if not found:
            raise stack_down(profile)
        for name, container in found.items():
            if not names or name in names:
                raw = container.logs(tail=lines if grep is None else _FAR, timestamps=True)
                merged += [_line(name, text) for text in raw.decode("utf-8", "replace").splitlines()]
    kept = [line for line in merged if grep is None or grep.search(line.text)]
    kept.sort(key=lambda line: line.at)
    return kept[-lines:] if lines else []


def _line(service: str, text: str) -> Line:
    """Return the line without the stamp (`2026-01-01T00:00:00.123456789Z `) the engine put before it."""
    stamp, _, rest = text.partition(" ")
    whole, _, part = stamp.rstrip("Z").partition(".")
    try:
        at = datetime.fromisoformat(f"{whole}.{part[:6].ljust(6, '0')}+00:00").timestamp()
    except ValueError:
        return Line(service, text)
    return Line(service, rest, at)
