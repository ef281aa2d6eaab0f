"""`ccops monitor status`: targets, alerts and silences at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ccops.clients.alertmanager import open_alertmanager
from ccops.core.clock import Clock
from ccops.core.errors import ExitCode, Unreachable
from ccops.core.profile import Profile
from ccops.rules.places import prometheus_of
from ccops.rules.server import LoadedGroup, Target, loaded_groups, open_server, targets
from ccops.rules.silences import KEY, Silence, Silencer

if TYPE_CHECKING:
    import httpx

ACTIVE = frozenset({"pending", "firing"})


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """One alert that fires or is about to, and how long somebody silenced it for (None: nobody did)."""

    name: str
    state: str
    labels: Mapping[str, str]
    since: datetime
    silence: Silence | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """All of it. `no_alertmanager` says why silences are not known; empty when they are."""

    at: datetime
    url: str
    targets: tuple[Target, ...]
    groups: tuple[LoadedGroup, ...]
    alerts: tuple[ActiveAlert, ...]
    silences: tuple[Silence, ...]
    no_alertmanager: str = ""

    @property
    def exit_code(self) -> ExitCode:
        """1 when a target is down, a rule can't be evaluated, or an alert fires that nobody silenced."""
        down = any(not one.up for one in self.targets) or not self.targets
        sick = any(rule.health == "err" for group in self.groups for rule in group.rules)
        loud = any(one.state == "firing" and one.silence is None for one in self.alerts)
        return ExitCode.NEGATIVE if down or sick or loud else ExitCode.OK


def status(profile: Profile, clock: Clock) -> Status:
    """Return the state of monitoring now. Raises Unreachable when Prometheus does not answer."""
    url = prometheus_of(profile)
    with open_server(url) as client:
        found, groups, active = targets(client), loaded_groups(client), _active(client)
    silences, why = _silences(profile, clock)
    alerts = tuple(_muted(one, silences) for one in active)
    return Status(clock.now(), url, found, groups, alerts, silences, why)


def _active(client: httpx.Client) -> list[ActiveAlert]:
    answer = client.get("/api/v1/alerts")
    answer.raise_for_status()
    items = answer.json().get("data", {}).get("alerts", [])
    found = [_alert(item) for item in items if isinstance(item, dict) and item.get("state") in ACTIVE]
    return sorted(found, key=lambda one: (one.state, one.name, sorted(one.labels.items())))


def _alert(item: Mapping[str, object]) -> ActiveAlert:
    labels = item.get("labels")
    plain = {str(key): str(text) for key, text in labels.items()} if isinstance(labels, dict) else {}
    name = plain.pop("alertname", "")
    since = datetime.fromisoformat(str(item.get("activeAt")))
    return ActiveAlert(name, str(item.get("state")), plain, since)


def _muted(alert: ActiveAlert, silences: Sequence[Silence]) -> ActiveAlert:
    labels = {**alert.labels, "alertname": alert.name}
    own = [one for one in silences if one.state == "active" and one.mutes(labels)]
    longest = max(own, key=lambda one: one.ends_at, default=None)
    return ActiveAlert(alert.name, alert.state, alert.labels, alert.since, longest)


def _silences(profile: Profile, clock: Clock) -> tuple[tuple[Silence, ...], str]:
    """Return living silences, and why they are not known: that is a line of the table and no failure."""
    url = profile.get(KEY)
    if not url:
        return (), f"{KEY} is not set"
    try:
        with open_alertmanager(url) as client:
            return Silencer(client, clock).living(), ""
    except Unreachable as error:
        return (), error.message
