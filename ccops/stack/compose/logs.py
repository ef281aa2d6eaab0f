"""The containers' logs as one stream in the order of time; the engine's own stamps decide."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ccops.clients.docker import Container, Docker, open_docker
from ccops.core.profile import Profile
from ccops.stack.compose.containers import of_project
from ccops.stack.compose.failures import stack_down
from ccops.stack.compose.layout import project_name
from ccops.stack.logview import Line
from ccops.stack.members import kind_of
from ccops.stack.services.graph import check_names

# With a filter the wanted lines may lie far back.
_FAR = 20_000


@dataclass(frozen=True, slots=True)
class Stamped:
    """One line of a container, and when the engine took it, in nanoseconds since the epoch (0: unknown)."""

    service: str
    text: str
    at_ns: int = 0

    @property
    def line(self) -> Line:
        return Line(self.service, self.text, self.at_ns / 1e9)


def recent(
    profile: Profile, services: Iterable[str], lines: int, grep: re.Pattern[str] | None = None
) -> list[Line]:
    """Return the last `lines` matching lines of `services` (none: all), oldest first; dead ones' too."""
    with open_docker() as docker:
        found = chosen(docker, profile, checked(services))
        if not found:
            raise stack_down(profile)
        merged = [item for name, one in found.items() for item in last(name, one, lines, grep)]
    return [item.line for item in newest(merged, lines, grep)]


def checked(services: Iterable[str]) -> tuple[str, ...]:
    """Return `services`. Raises UsageError for one that does not exist, with the nearest."""
    names = tuple(services)
    check_names(names, members=True)
    return names


def chosen(docker: Docker, profile: Profile, names: Sequence[str]) -> dict[str, Container]:
    """Return the containers of the services `names` (none: all); of several every one."""
    found = of_project(docker, project_name(profile))
    return {name: one for name, one in found.items() if not names or name in names or kind_of(name) in names}


def last(name: str, container: Container, lines: int, grep: re.Pattern[str] | None) -> list[Stamped]:
    """Return the last lines of one container, at least one: its stamp says where to go on."""
    raw = container.logs(tail=max(lines, 1) if grep is None else _FAR, timestamps=True)
    return [stamped(name, text) for text in raw.decode("utf-8", "replace").splitlines()]


def newest(items: Iterable[Stamped], lines: int, grep: re.Pattern[str] | None) -> list[Stamped]:
    """Return the last `lines` of `items` that match, in the order of time."""
    kept = sorted((one for one in items if wanted(one, grep)), key=lambda one: one.at_ns)
    return kept[-lines:] if lines else []


def wanted(item: Stamped, grep: re.Pattern[str] | None) -> bool:
    """Return whether the line is one that was asked for."""
    return grep is None or grep.search(item.text) is not None


def stamped(service: str, text: str) -> Stamped:
    """Return the line without the stamp (`2026-01-01T00:00:00.123456789Z `) the engine put before it."""
    stamp, _, rest = text.partition(" ")
    whole, _, part = stamp.removesuffix("Z").partition(".")
    try:
        seconds = round(datetime.fromisoformat(f"{whole}+00:00").timestamp())
        return Stamped(service, rest, seconds * 10**9 + int(part[:9].ljust(9, "0")))
    except ValueError:
        return Stamped(service, text)
