"""Alerts as Alertmanager has them, and what an operator's silence must hold."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from ccops.core.errors import Refused, Unreachable, UsageError
from ccops.core.profile import Profile
from ccops.rules import server

if TYPE_CHECKING:
    import httpx

_IDENT = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert that Prometheus told Alertmanager of. `state` is active or suppressed."""

    labels: Mapping[str, str]
    state: str
    starts_at: datetime
    silenced_by: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the alert's name."""
        return self.labels.get("alertname", "")


def listed(client: httpx.Client) -> tuple[Alert, ...]:
    """Return every alert that has not ended, silenced or not, by name and start. Raises Unreachable."""
    answer = client.get("/alerts", params={"active": "true", "silenced": "true", "inhibited": "true"})
    answer.raise_for_status()
    return parse_alerts(answer.json())


def parse_alerts(plain: object) -> tuple[Alert, ...]:
    """Return the alerts in what `/api/v2/alerts` answered, by name and start."""
    found = [_alert(item) for item in plain if isinstance(item, dict)] if isinstance(plain, list) else []
    return tuple(sorted(found, key=lambda one: (one.name, one.starts_at)))


def parse_matchers(name: str, pairs: Sequence[str]) -> dict[str, str]:
    """Return what a silence of the alert `name` with `LABEL=VALUE` pairs is exact to.

    Raises UsageError for no name, another form, a label twice, an empty value (it would match every alert
    without the label) and operators: a pattern could silence more than is meant.
    """
    if not name.strip():
        raise UsageError(
            "MATCHER_INVALID", "an alert has a name", next_step="ccops alerts list    shows those that ring"
        )
    found = {"alertname": name}
    for pair in pairs:
        label, equals, value = pair.partition("=")
        if not equals or not _LABEL.fullmatch(label) or not value or value.startswith("~"):
            raise UsageError(
                "MATCHER_INVALID",
                f"--match {pair} is no LABEL=VALUE",
                evidence="matchers are exact: no patterns, no negation, no empty value",
                next_step="--match consumergroup=cc.games.clickhouse.prod",
            )
        if label in found:
            raise UsageError(
                "MATCHER_INVALID", f"--match {label} is given twice", next_step="one value for a label"
            )
        found[label] = value
    return found


def check_ident(ident: str, pairs: Sequence[str]) -> None:
    """Raise UsageError for what is no id of a silence, and for matchers beside one: they would not count."""
    if pairs or not _IDENT.fullmatch(ident):
        raise UsageError(
            "USAGE",
            "--id names one silence by itself" if pairs else f"--id {ident[:60]!r} is no id of a silence",
            evidence="--match was given as well"
            if pairs
            else "5b1f6f0e-1f2b-4a44-9d3c-2a8b7f1f9c11 would be",
            next_step="ccops alerts list    shows them",
        )


def check_alert(name: str, profile: Profile) -> None:
    """Refuse to silence a name that no loaded rule has: a misspelt silence lets the real alert ring.

    Where the profile names no Prometheus, or it does not answer, nobody can know and the name is taken.
    """
    url = profile.get(server.KEY)
    if not url:
        return
    try:
        with server.open_server(url) as client:
            known = {
                rule.name for group in server.loaded_groups(client) for rule in group.rules if rule.alerting
            }
    except Unreachable:
        return
    if known and name not in known:
        raise _unknown(name, known, profile)


def _unknown(name: str, known: Collection[str], profile: Profile) -> Refused:
    near = difflib.get_close_matches(name, known, n=1)
    return Refused(
        "ALERT_UNKNOWN",
        f"no loaded rule of {profile.env} has the name {name}",
        evidence=f"{len(known)} alerts are loaded" + (f"; the nearest is {near[0]}" if near else ""),
        next_step=f"did you mean {near[0]}?" if near else "--any-name silences it all the same",
    )


def _alert(item: Mapping[str, object]) -> Alert:
    status = item.get("status")
    status = status if isinstance(status, dict) else {}
    by = status.get("silencedBy")
    return Alert(
        labels=_labels(item.get("labels")),
        state=str(status.get("state", "")),
        starts_at=datetime.fromisoformat(str(item.get("startsAt"))),
        silenced_by=tuple(map(str, by)) if isinstance(by, list) else (),
        annotations=_labels(item.get("annotations")),
    )


def _labels(value: object) -> dict[str, str]:
    return {str(key): str(text) for key, text in value.items()} if isinstance(value, dict) else {}
