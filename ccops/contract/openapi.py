"""Walk two OpenAPI documents: which operations, webhooks and servers there are."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ccops.contract import lifecycle
from ccops.contract.collect import Collector
from ccops.contract.match import Operation, operations, pair, renamed
from ccops.contract.model import Direction, Verdict
from ccops.contract.normalise import Source
from ccops.contract.operation import Pair, calls_back


def compare(collector: Collector) -> None:
    """Compare everything that is called."""
    old, new = collector.sources()
    pairs, gone, come = pair(
        operations(old, old.document.data.get("paths"), "/paths"),
        operations(new, new.document.data.get("paths"), "/paths"),
    )
    relation, _ = collector.relation(Direction.RESPONSE)
    moved = renamed(relation, gone, come)
    _renames(collector, moved)
    left = {id(one) for both in moved for one in both}
    for one in gone:
        if id(one) not in left:
            lifecycle.removed(collector, one)
    for one in come:
        if id(one) not in left:
            collector.add(
                "OPERATION_ADDED",
                one.name,
                Verdict.PROVED,
                ("", one.at),
                message=f"{one.name} is new",
                reason="nobody calls it yet",
            )
    for both in (*pairs, *moved):
        Pair(collector, *both).run()
    _webhooks(collector)
    _servers(collector)


def _renames(collector: Collector, moved: list[tuple[Operation, Operation]]) -> None:
    """Note addresses that changed: one finding a path, however many methods it has."""
    by_path: dict[tuple[str, str], list[tuple[Operation, Operation]]] = {}
    for old, new in moved:
        by_path.setdefault((old.path, new.path), []).append((old, new))
    for (was, is_now), both in sorted(by_path.items()):
        first_old, first_new = both[0]
        names = ", ".join(old.method.upper() for old, _ in both)
        target = is_now if was != is_now else first_new.name
        for old, _new in both:
            collector.add(
                "OPERATION_RENAMED",
                old.name,
                Verdict.REFUTED,
                (first_old.at, first_new.at),
                old=was,
                new=target,
                message=f"{names} {was} answers at {target} now",
                reason="the old address is gone for its callers",
                key="rename",
            )


def _webhooks(collector: Collector) -> None:
    old, new = collector.sources()
    olds = operations(old, old.document.data.get("webhooks"), "/webhooks", "webhook")
    news = operations(new, new.document.data.get("webhooks"), "/webhooks", "webhook")
    calls_back(collector, olds, news, "WEBHOOK")


def _servers(collector: Collector) -> None:
    old, new = ({_base(one) for one in _servers_of(side)} for side in collector.sources())
    if old and new and not old & new:
        collector.add(
            "SERVER_PATH_CHANGED",
            "servers",
            Verdict.UNKNOWN,
            ("/servers", "/servers"),
            old=sorted(old),
            new=sorted(new),
            message=f"the base path changed from {', '.join(sorted(old))} to {', '.join(sorted(new))}",
            reason="whether the old base path is still served can't be seen here",
        )


def _servers_of(source: Source) -> list[str]:
    held = source.document.data.get("servers")
    listed = held if isinstance(held, list) else []
    return [str(one.get("url", "/")) for one in listed if isinstance(one, Mapping)] or ["/"]


def _base(url: str) -> str:
    return "/" + re.sub(r"^(\w+:)?//[^/]*", "", url).strip("/")
