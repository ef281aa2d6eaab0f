"""Make a server load its rules again, and hold what it then has against what was rendered."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.core.errors import Degraded
from ccops.rules import server
from ccops.rules.server import LoadedGroup
from ccops.rules.wanted import Change, changes, in_folder

if TYPE_CHECKING:
    import httpx

_SETTLE_S = 2.0
_LOOK_S = 0.1
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Place:
    """The server at `url` that loads `folder`, where the files `foreign` are somebody else's.

    `mounted` is what a server in a container calls the folder (none: as we do). `timeout_s` is for the first
    evaluation, 0: two intervals.
    """

    url: str
    folder: Path
    timeout_s: float = 0.0
    tell: Callable[[str], None] = lambda _: None
    foreign: frozenset[str] = frozenset()
    mounted: Path | None = None


class Wrong(Degraded):
    """The server did not become what it should; what to do about it is known only after the roll-back."""


def mine(client: httpx.Client, place: Place) -> tuple[LoadedGroup, ...]:
    """Return the groups that the server loaded from our files in the folder."""
    return in_folder(server.loaded_groups(client), place.mounted or place.folder, place.foreign)


def load(place: Place, wanted: Sequence[LoadedGroup]) -> None:
    """Reload and hold what the server has against `wanted`. Raises Wrong or Unreachable."""
    with server.open_server(place.url) as client:
        reload(client)
        place.tell("reloaded; comparing groups, queries, labels and times")
        groups = same(client, place, wanted)
        place.tell(f"{len(groups)} groups as rendered; waiting for the first evaluation of each rule")
        _healthy(client, place)


def reload(client: httpx.Client) -> None:
    answer = server.reload(client)
    if not answer.accepted:
        raise Wrong(
            "RULES_RELOAD_REFUSED",
            f"the server refused the rules (HTTP {answer.status})",
            evidence=answer.text[:500] or "it said nothing",
        )


def same(client: httpx.Client, place: Place, wanted: Sequence[LoadedGroup]) -> tuple[LoadedGroup, ...]:
    """Return what is loaded once it is `wanted`; a server may take a moment after its answer."""
    end = time.monotonic() + _SETTLE_S
    while True:
        groups = mine(client, place)
        differs = changes(wanted, groups)
        if not differs:
            return groups
        if time.monotonic() > end:
            break
        time.sleep(_LOOK_S)
    patterns = ", ".join(server.rule_files(client)) or "none"
    lines = [f"{one.name}: should be {one.kind}{_said(one)}" for one in differs[:_SHOWN]]
    lines += [f"and {len(differs) - _SHOWN} more"] if len(differs) > _SHOWN else []
    lines.append(f"the server reads: {patterns}; written was {place.folder}")
    raise Wrong(
        "RULES_NOT_LOADED",
        f"the server answered 200 and has other rules: {len(differs)} difference(s)",
        evidence="\n".join(lines),
    )


def _said(change: Change) -> str:
    return f" ({', '.join(change.fields)})" if change.fields else ""


def _healthy(client: httpx.Client, place: Place) -> None:
    """Wait until every rule was evaluated without an error."""
    began = time.monotonic()
    while True:
        groups = mine(client, place)
        rules = [(group, rule) for group in groups for rule in group.rules]
        bad = [
            f"{group.name}/{rule.name}: {rule.last_error}" for group, rule in rules if rule.health == "err"
        ]
        if bad:
            raise Wrong(
                "RULES_UNHEALTHY",
                f"{len(bad)} rule(s) fail when evaluated",
                evidence="\n".join(bad[:_SHOWN]),
            )
        unknown = [f"{group.name}/{rule.name}" for group, rule in rules if rule.health != "ok"]
        if not unknown:
            return
        limit = place.timeout_s or 2 * max(group.interval_s for group in groups) + 5
        if time.monotonic() - began > limit:
            raise Wrong(
                "RULES_NOT_EVALUATED",
                f"{len(unknown)} rule(s) were not evaluated within {limit:.0f} s",
                evidence="\n".join(unknown[:_SHOWN]),
            )
        time.sleep(_LOOK_S)
