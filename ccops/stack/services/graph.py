"""Which service needs which; the order is the one a person reads them in."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from ccops.core.errors import UsageError
from ccops.stack.members import kind_of, number_of

NEEDS: dict[str, tuple[str, ...]] = {
    "postgres": (),
    "redis": (),
    "kafka": (),
    "clickhouse": (),
    "migrate": ("postgres",),
    "backend": ("migrate", "redis"),
    "worker": ("migrate", "redis", "kafka", "clickhouse"),
    "kafka-exporter": ("kafka",),
    "alertmanager": (),
    "prometheus": (),
}


def check_names(names: Iterable[str], *, members: bool = False) -> None:
    """Raise UsageError for a name that is no service (nor, if allowed, a member of one), with the nearest."""
    for name in names:
        if (kind_of(name) if members else name) not in NEEDS:
            near = difflib.get_close_matches(name, NEEDS, n=1)
            raise UsageError(
                "SERVICE_UNKNOWN",
                f"there is no service {name!r}",
                evidence=f"services: {', '.join(NEEDS)}",
                next_step=f"did you mean {near[0]}?" if near else "ccops status",
            )


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return `names` in table order, members by their number."""
    order = list(NEEDS)
    return tuple(sorted(names, key=lambda name: (order.index(kind_of(name)), number_of(name))))


def with_needs(names: Iterable[str]) -> tuple[str, ...]:
    """Return `names` and everything they need, in table order; no names means all."""
    wanted = set(names) or set(NEEDS)
    check_names(wanted)
    todo = list(wanted)
    while todo:
        missing = set(NEEDS[todo.pop()]) - wanted
        wanted |= missing
        todo += missing
    return tuple(name for name in NEEDS if name in wanted)
