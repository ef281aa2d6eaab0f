"""Services that may run as several processes: `backend`, or its members `backend-1` ... `backend-N`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Profile
from ccops.stack.state import StackState

SERVICE = "backend"
KEY = "CCOPS_BACKEND_WORKERS"
# Each has a pool of up to 16 connections, and the embedded PostgreSQL takes 100.
MOST = 4
_MEMBER = re.compile(rf"(?P<kind>{SERVICE})-(?P<number>[1-9]\d?)")


def kind_of(name: str) -> str:
    """Return the service that `name` is, or is a member of."""
    found = _MEMBER.fullmatch(name)
    return found["kind"] if found else name


def number_of(name: str) -> int:
    """Return which member `name` is; 0 for a service that is one process."""
    found = _MEMBER.fullmatch(name)
    return int(found["number"]) if found else 0


def expand(names: Iterable[str], count: int) -> tuple[str, ...]:
    """Return `names` with the replicated service as its `count` members."""
    members = tuple(f"{SERVICE}-{number}" for number in range(1, count + 1)) if count > 1 else (SERVICE,)
    return tuple(member for name in names for member in (members if name == SERVICE else (name,)))


def members(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return those of `known` that are `name` or a member of it."""
    return tuple(other for other in known if name in {other, kind_of(other)})


def wanted_count(profile: Profile, chosen: int | None = None) -> int:
    """Return how many backend processes are wanted: `chosen`, else the profile's. Raises UsageError."""
    value = profile.values.get(KEY)
    text = str(chosen) if chosen is not None else value.text if value else "1"
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= MOST:
        return int(text)
    origin = "--backend-workers" if chosen is not None or value is None else f"{value.origin}: {KEY}"
    raise UsageError(
        "WORKERS_INVALID",
        f"{text!r} is no number of backend processes",
        evidence=f"{origin}: a number from 1 to {MOST}; each process has its own connections to PostgreSQL",
        next_step="ccops up --backend-workers 2",
    )


def check_count(before: StackState | None, names: Sequence[str]) -> None:
    """Raise Refused when processes run that `names` would have to take away or replace."""
    if before is None or not members(SERVICE, names):
        return
    running = [name for name in members(SERVICE, before.services) if before.services[name].pid]
    surplus = [name for name in running if name not in names]
    if surplus:
        raise Refused(
            "WORKERS_RUNNING",
            f"{len(running)} backend process(es) run in another arrangement",
            evidence=f"running: {', '.join(running)}; asked for: {', '.join(members(SERVICE, names))}",
            next_step=f"ccops down {SERVICE}    then again: ccops up",
        )
