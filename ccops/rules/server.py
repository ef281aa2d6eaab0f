"""What a Prometheus server has loaded: rule groups, targets, and the order to load again.

Every function takes the client of `open_server` and raises Unreachable when the server does not answer as
its API promises. Durations are seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from ccops.clients.prometheus import open_api
from ccops.core.errors import Unreachable

if TYPE_CHECKING:
    import httpx

KEY = "CCOPS_PROMETHEUS_URL"


@dataclass(frozen=True, slots=True)
class LoadedRule:
    """One rule as the server runs it. `health` is `unknown` until its first evaluation, then ok or err."""

    name: str
    alerting: bool
    query: str
    duration_s: float = 0.0
    keep_firing_for_s: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    health: str = "unknown"
    last_error: str = ""
    state: str = ""

    @property
    def key(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Return what tells a rule from others of its group: its name and labels."""
        return self.name, tuple(sorted(self.labels.items()))


@dataclass(frozen=True, slots=True)
class LoadedGroup:
    """One rule group and the file on the server's machine that it came from."""

    name: str
    file: str
    interval_s: float
    rules: tuple[LoadedRule, ...]
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """One address that the server scrapes; `health` is up, down or unknown."""

    job: str
    instance: str
    health: str
    url: str
    last_error: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def up(self) -> bool:
        """Return whether the last scrape worked."""
        return self.health == "up"


@dataclass(frozen=True, slots=True)
class Reload:
    """What the server said to a reload. Status 200 says that files were read, not that rules are there."""

    status: int
    text: str

    @property
    def accepted(self) -> bool:
        """Return whether the server took the new configuration."""
        return self.status == 200


@contextmanager
def open_server(url: str, *, timeout: float = 5.0) -> Iterator[httpx.Client]:
    """Yield a client for the Prometheus at `url`. Raises Unreachable for transport errors inside."""
    with open_api(url, timeout=timeout) as client:
        yield client


def loaded_groups(client: httpx.Client) -> tuple[LoadedGroup, ...]:
    """Return the groups that the server has loaded, in its order."""
    data = _data(client, "/api/v1/rules")
    return tuple(_group(item) for item in _items(data, "groups"))


def targets(client: httpx.Client) -> tuple[Target, ...]:
    """Return the active targets, ordered by job and instance."""
    data = _data(client, "/api/v1/targets", {"state": "active"})
    return tuple(
        sorted((_target(item) for item in _items(data, "activeTargets")), key=lambda t: (t.job, t.instance))
    )


def rule_files(client: httpx.Client) -> tuple[str, ...]:
    """Return the `rule_files` patterns of the server's running configuration."""
    import yaml

    loaded = yaml.safe_load(_text(_data(client, "/api/v1/status/config").get("yaml")))
    listed = loaded.get("rule_files") if isinstance(loaded, dict) else None
    return tuple(str(item) for item in listed) if isinstance(listed, list) else ()


def reload(client: httpx.Client) -> Reload:
    """Tell the server to read its configuration again; it answers 500 and goes on as before on a bad file."""
    answer = client.post("/-/reload", timeout=30.0)
    return Reload(answer.status_code, answer.text.strip())


def _data(client: httpx.Client, path: str, params: Mapping[str, str] | None = None) -> Mapping[str, object]:
    answer = client.get(path, params=dict(params or {}))
    answer.raise_for_status()
    try:
        plain = answer.json()
    except ValueError:
        plain = None
    data = plain.get("data") if isinstance(plain, dict) and plain.get("status") == "success" else None
    if isinstance(data, dict):
        return cast("Mapping[str, object]", data)
    raise Unreachable(
        "PROMETHEUS_ANSWER_UNKNOWN",
        f"{client.base_url} does not answer {path} as Prometheus does",
        evidence=answer.text[:200],
        next_step=f"{KEY} must name a Prometheus server",
    )


def _group(item: Mapping[str, object]) -> LoadedGroup:
    return LoadedGroup(
        name=_text(item.get("name")),
        file=_text(item.get("file")),
        interval_s=_number(item.get("interval")),
        rules=tuple(_rule(rule) for rule in _items(item, "rules")),
        limit=int(_number(item.get("limit"))),
    )


def _rule(item: Mapping[str, object]) -> LoadedRule:
    return LoadedRule(
        name=_text(item.get("name")),
        alerting=item.get("type") == "alerting",
        query=_text(item.get("query")),
        duration_s=_number(item.get("duration")),
        keep_firing_for_s=_number(item.get("keepFiringFor")),
        labels=_labels(item.get("labels")),
        annotations=_labels(item.get("annotations")),
        health=_text(item.get("health")) or "unknown",
        last_error=_text(item.get("lastError")),
        state=_text(item.get("state")),
    )


def _target(item: Mapping[str, object]) -> Target:
    labels = _labels(item.get("labels"))
    return Target(
        job=labels.get("job", ""),
        instance=labels.get("instance", ""),
        health=_text(item.get("health")) or "unknown",
        url=_text(item.get("scrapeUrl")),
        last_error=_text(item.get("lastError")),
        labels=labels,
    )


def _items(data: Mapping[str, object], key: str) -> Iterable[Mapping[str, object]]:
    found = data.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _labels(value: object) -> dict[str, str]:
    return {str(key): str(text) for key, text in value.items()} if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
