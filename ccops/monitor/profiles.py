"""What must be measured: named lists of metrics with their types and labels, held against /metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from ccops.core.bundle import invalid, mapping, read_yaml
from ccops.core.errors import UsageError
from ccops.core.exposition import Exposition
from ccops.core.output import Issue

FILE = "metrics.yml"
ATTEMPTS = "ws_legacy_games_connections_total"
BY_RESULT = "ws_legacy_games_connections_by_result_total"
# The seed's checklist names these; the contract must keep them whatever else it drops.
SEED = (
    "ws_active_connections",
    "realtime_event_lag_ms",
    "shop_buy_success_total",
    "shop_buy_failed_total",
    "auth_login_locked_total",
    ATTEMPTS,
    BY_RESULT,
)
_MOST_CHILDREN = 1000


@dataclass(frozen=True, slots=True)
class MetricProfile:
    """A list to verify. `metrics` empty: every metric of the contract, and the seed's.

    result   what the old games socket is expected to answer; empty when it isn't touched
    """

    name: str
    about: str
    metrics: tuple[str, ...] = ()
    result: str = ""

    @property
    def deltas(self) -> tuple[str, ...]:
        """Return what one touch of the old socket has to count, and what it must not."""
        if not self.result:
            return ()
        other = {"accepted": "rejected", "rejected": "accepted"}[self.result]
        return (
            f"{ATTEMPTS} >= 1",
            f'{BY_RESULT}{{result="{self.result}"}} >= 1',
            f'{BY_RESULT}{{result="{other}"}} == 0',
        )


PROFILES: Mapping[str, MetricProfile] = {
    one.name: one
    for one in (
        MetricProfile("core", "every metric of the contract, each closed label value from the start"),
        MetricProfile(
            "legacy-ws-rejected",
            "the old games socket is refused and counted",
            (ATTEMPTS, BY_RESULT),
            "rejected",
        ),
        MetricProfile(
            "legacy-ws-accepted",
            "the old games socket is answered and counted",
            (ATTEMPTS, BY_RESULT),
            "accepted",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Declared:
    """A metric of the contract. A label whose values are not closed has None."""

    name: str
    kind: str
    labels: Mapping[str, tuple[str, ...] | None]


def profile_named(name: str) -> MetricProfile:
    """Return the profile `name`. Raises UsageError that lists them."""
    if name in PROFILES:
        return PROFILES[name]
    raise UsageError(
        "METRICS_PROFILE_UNKNOWN",
        f"there is no metrics profile {name!r}",
        evidence="\n".join(f"{one.name}: {one.about}" for one in PROFILES.values()),
        next_step="ccops metrics verify --profile core",
    )


def declared(folder: Path, env: str) -> dict[str, Declared]:
    """Return the metrics of the contract in `folder`; `{env}` in a label's value is the environment."""
    found: dict[str, Declared] = {}
    for name, item in read_yaml(folder, FILE).items():
        one = mapping(item)
        if not isinstance(one.get("type"), str):
            raise invalid(folder, FILE, f"{name} has no type")
        labels = {key: _values(values, env) for key, values in mapping(one.get("labels")).items()}
        found[name] = Declared(name, str(one["type"]), labels)
    return found


def _values(values: object, env: str) -> tuple[str, ...] | None:
    return tuple(str(one).replace("{env}", env) for one in values) if isinstance(values, list) else None


def verify(
    wanted: MetricProfile, contract: Mapping[str, Declared], scrapes: Mapping[str, Exposition]
) -> tuple[list[str], list[Issue]]:
    """Return the names that were looked for, and what is missing or different on all endpoints together."""
    names = list(wanted.metrics) or sorted({*contract, *SEED})
    issues: list[Issue] = []
    for name in names:
        if name not in contract:
            said = f"{name} is wanted by the profile {wanted.name} and not in the contract"
            issues.append(Issue("METRIC_UNDECLARED", said, next_step="python -m ccops.backend.export"))
        else:
            issues += _verify_one(contract[name], scrapes.values())
    return names, issues


def _verify_one(metric: Declared, scrapes: Iterable[Exposition]) -> list[Issue]:
    exposing = [one for one in scrapes if metric.name in one.types]
    if not exposing:
        said = f"{metric.name} is on no /metrics"
        return [Issue("METRIC_MISSING", said, evidence=f"declared as a {metric.kind}")]
    kinds = sorted({one.types[metric.name] for one in exposing} - {metric.kind})
    if kinds:
        said = f"{metric.name} is a {kinds[0]}, declared as a {metric.kind}"
        return [Issue("METRIC_TYPE", said)]
    return _verify_labels(metric, exposing)


def _verify_labels(metric: Declared, scrapes: Sequence[Exposition]) -> list[Issue]:
    probe = f"{metric.name}_count" if metric.kind == "histogram" else metric.name
    seen = [dict(series.labels) for one in scrapes for series in one.samples if series.name == probe]
    for labels in seen:
        if set(labels) != set(metric.labels):
            said = f"{metric.name} has the labels {_names(labels)}, declared are {_names(metric.labels)}"
            return [Issue("METRIC_LABELS", said)]
    issues = [
        Issue("METRIC_LABEL_VALUE", f"{metric.name} has {label}={value!r}, which is not declared")
        for label, closed in metric.labels.items()
        if closed is not None
        for value in sorted({labels[label] for labels in seen} - set(closed))
    ]
    return issues + _children(metric, seen)


def _children(metric: Declared, seen: Sequence[Mapping[str, str]]) -> list[Issue]:
    """A child that is not there yet begins at its first value, which a rule on increase() does not see."""
    closed = [values for values in metric.labels.values() if values is not None]
    if len(closed) < len(metric.labels):
        return []
    have = {tuple(labels[name] for name in metric.labels) for labels in seen}
    missing = [one for one in product(*closed) if one not in have][:_MOST_CHILDREN]
    if not missing:
        return []
    shown = "\n".join(
        metric.name + "{" + ",".join(f'{n}="{v}"' for n, v in zip(metric.labels, one, strict=True)) + "}"
        for one in missing[:5]
    )
    said = f"{metric.name} lacks {len(missing)} of its children: they must start at 0"
    return [Issue("METRIC_CHILD_MISSING", said, evidence=shown)]


def _names(labels: Iterable[str]) -> str:
    return ", ".join(sorted(labels)) or "none"
