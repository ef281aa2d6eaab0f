"""Which series can exist: declared by the backend, of the Kafka exporter, of Prometheus itself, recorded."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ccops.core.bundle import invalid, mapping, packaged_contract, read_yaml
from ccops.rules.catalogue_known import KNOWN
from ccops.rules.promql_tree import Selector

FILE = "metrics.yml"
TARGET_LABELS = ("job", "instance", "service")  # the scrape configuration adds them to everything
_BACKEND, _EXPORTER = "cc-webapp-backend", "kafka-exporter"
JOBS: Mapping[str, frozenset[str]] = {
    "backend": frozenset({_BACKEND}),
    "kafka_exporter": frozenset({_EXPORTER}),
    "a scrape": frozenset({_BACKEND, _EXPORTER, "clickhouse", "alertmanager", "prometheus"}),
}
_TYPES = frozenset({"counter", "gauge", "histogram"})
_PARTS = {"_bucket": ("le",), "_sum": (), "_count": ()}
_ENV_MARK, _ENV_OF_EXPORT = "{env}", ".dev"

Values = frozenset[str] | None  # None: any value


@dataclass(frozen=True, slots=True)
class Metric:
    """One series name. `labels` maps a label to its closed set of values, or to None for any.

    `type` is counter, gauge or recording; the parts of a histogram are counters whose `family` is the
    histogram's name. `open` is set when it can have labels besides these (ALERTS, a recording).
    """

    name: str
    type: str
    labels: Mapping[str, Values]
    buckets: tuple[float, ...] = ()
    family: str = ""
    open: bool = False
    source: str = ""

    def label_names(self) -> frozenset[str] | None:
        """Return its labels, or None when it can have any."""
        return None if self.open else frozenset(self.labels)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every known series by name."""

    metrics: Mapping[str, Metric]
    families: Mapping[str, str] = field(default_factory=dict)  # histogram -> help against a bare use

    def get(self, name: str) -> Metric | None:
        """Return the series of that name. A histogram itself is none: its _bucket, _sum and _count are."""
        return self.metrics.get(name)

    def nearest(self, name: str) -> str:
        """Return the known name that was probably meant, or an empty text."""
        if name in self.families:
            return f"{name}_bucket"
        near = difflib.get_close_matches(name, self.metrics, n=1, cutoff=0.75)
        return near[0] if near else ""

    def labels_of(self, selector: Selector) -> frozenset[str] | None:
        """Return the labels a selector's series can have: what promql_labels asks for."""
        metric = self.metrics.get(selector.name) if selector.name else None
        return metric.label_names() if metric else None

    def with_recordings(
        self,
        found: Mapping[str, frozenset[str] | None],
        values: Mapping[str, Mapping[str, Values]] | None = None,
    ) -> Catalogue:
        """Return a catalogue that also knows recordings: name -> labels at most, None for any.

        `values` closes labels that the recordings set themselves: name -> label -> values.
        """
        closed = values or {}
        added = {
            name: Metric(
                name,
                "recording",
                {**dict.fromkeys(labels or ()), **closed.get(name, {})},
                open=labels is None,
                source="recording",
            )
            for name, labels in found.items()
        }
        return replace(self, metrics={**self.metrics, **added})


def load_catalogue(folder: Path | None = None, *, env: str | None = None) -> Catalogue:
    """Read `metrics.yml` of a contract bundle (None: the bundled backend's) and add what others expose.

    A label value that holds an environment (`cc.shop.{env}`) is that of `env`, or open when none is given.
    Raises UsageError when the file is missing or says something else than metrics.
    """
    ours = folder is None or folder == packaged_contract()
    folder = folder or packaged_contract()
    metrics = {one.name: one for one in _known(ours=ours)}
    families: dict[str, str] = {}
    for name, raw in read_yaml(folder, FILE).items():
        entry = mapping(raw)
        kind = entry.get("type")
        if kind not in _TYPES:
            raise invalid(folder, FILE, f"{name}: type {kind!r} is none of {', '.join(sorted(_TYPES))}")
        for one in _series(name, str(kind), entry, env):
            metrics[one.name] = _of_job(one, "backend") if ours else one
        if kind == "histogram":
            families[name] = str(entry.get("help") or "")
    return Catalogue(metrics, families)


def _series(name: str, kind: str, entry: Mapping[str, object], env: str | None) -> Iterable[Metric]:
    labels = dict.fromkeys(TARGET_LABELS) | {
        str(label): _values(values, env) for label, values in mapping(entry.get("labels")).items()
    }
    if kind != "histogram":
        yield Metric(name, kind, labels, source=FILE)
        return
    raw = entry.get("buckets")
    buckets = tuple(float(str(one)) for one in raw) if isinstance(raw, list) else ()
    for part, more in _PARTS.items():
        closed: dict[str, Values] = dict.fromkeys(more, _bounds(buckets))
        yield Metric(name + part, "counter", labels | closed, buckets, name, source=FILE)


def _values(raw: object, env: str | None) -> Values:
    if not isinstance(raw, list):
        return None
    values = [str(one) for one in raw]
    if any(_ENV_MARK in one or one.endswith(_ENV_OF_EXPORT) for one in values):
        if env is None:
            return None
        values = [_for_env(one, env) for one in values]
    return frozenset(values)


def _for_env(value: str, env: str) -> str:
    value = value.replace(_ENV_MARK, env)
    return value.removesuffix(_ENV_OF_EXPORT) + f".{env}" if value.endswith(_ENV_OF_EXPORT) else value


def _bounds(buckets: tuple[float, ...]) -> Values:
    """Return `le` as Prometheus 2 and 3 write it: 1.0 of a client is read as "1" or as "1.0"."""
    if not buckets:
        return None
    return frozenset({"+Inf"} | {f"{one:g}" for one in buckets} | {repr(one) for one in buckets})


def _known(*, ours: bool) -> Iterator[Metric]:
    for source, name, kind, labels in KNOWN:
        found = Metric(
            name, kind, dict.fromkeys((*TARGET_LABELS, *labels)), open="*" in labels, source=source
        )
        yield _of_job(found, source) if ours else found


def _of_job(metric: Metric, source: str) -> Metric:
    """Close the label job: the stack we start has fixed jobs, a wrong one is a typing error."""
    jobs = JOBS.get(source)
    return metric if jobs is None else replace(metric, labels={**metric.labels, "job": jobs})
