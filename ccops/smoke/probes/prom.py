"""Metric values as deltas since just before the act: from Prometheus when it runs, else from /metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ccops.clients.guard import unreachable
from ccops.core.exposition import ExpositionError, escaped, parse
from ccops.smoke.probes.base import Look, Observation, Polled, QueryFailed

if TYPE_CHECKING:
    import httpx
    from prometheus_api_client import PrometheusConnect


@dataclass(frozen=True, slots=True)
class Reading:
    """The sum over all series that carry the labels; `series` = 0 means that there is none."""

    value: float
    series: int


class MetricSource(Protocol):
    """A place that knows the present value of a metric."""

    label: str

    async def read(self, metric: str, labels: Mapping[str, str]) -> Reading:
        """Return the sum of the series of `metric` that carry `labels`."""
        ...


def parse_samples(text: str, metric: str, labels: Mapping[str, str]) -> Reading:
    """Return the sum over the samples of `metric` in Prometheus' text format that carry `labels`.

    Raises ExpositionError for a line of that metric that is no sample.
    """
    # A probe looks many times a second: lines of other metrics are not read.
    own = (line for line in text.split("\n") if line.startswith(metric))
    found = [
        value
        for series, value in parse("\n".join(own)).samples.items()
        if series.name == metric and labels.items() <= dict(series.labels).items()
    ]
    return Reading(sum(found), len(found))


class ScrapeSource:
    """One process' own /metrics."""

    def __init__(self, label: str, client: httpx.AsyncClient) -> None:
        self.label, self._client = label, client

    async def read(self, metric: str, labels: Mapping[str, str]) -> Reading:
        """Scrape now. Raises Unreachable when the process does not answer 200."""
        import httpx

        url = str(self._client.base_url)
        try:
            answer = await self._client.get("/metrics")
        except httpx.TransportError as error:
            raise unreachable(self.label, url, error) from None
        if answer.status_code != 200:
            raise unreachable(self.label, url, ConnectionError(f"/metrics answered {answer.status_code}"))
        try:
            return parse_samples(answer.text, metric, labels)
        except ExpositionError as error:
            raise unreachable(self.label, url, error) from None


class ServerSource:
    """Prometheus, asked for the instant value."""

    label = "prometheus"

    def __init__(self, client: PrometheusConnect, url: str) -> None:
        self._client, self._url = client, url

    async def read(self, metric: str, labels: Mapping[str, str]) -> Reading:
        """Ask now. Raises Unreachable when Prometheus is gone, QueryFailed for a name it can't parse."""
        import requests
        from prometheus_api_client.exceptions import PrometheusApiClientException

        inside = ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items())
        query = f"{metric}{{{inside}}}"
        try:
            found = await asyncio.to_thread(self._client.custom_query, query)
        except requests.RequestException as error:
            raise unreachable("prometheus", self._url, error) from None
        except PrometheusApiClientException as error:
            raise QueryFailed(str(error)[:200]) from None
        return Reading(sum(float(one["value"][1]) for one in found), len(found))


class PromProbe(Polled):
    """`{metric, labels, scrape}` gives one observation `{metric, labels, value, baseline, delta}`.

    The baseline is always read from the processes themselves: Prometheus' last sample may be older than the
    previous step, and its increase would then be counted for this one.
    """

    system = "prom"

    def __init__(self, scrapes: Mapping[str, MetricSource], server: MetricSource | None = None) -> None:
        self._scrapes, self._server = dict(scrapes), server

    async def baseline(self, source: Mapping[str, object]) -> object:
        """Return the sum just before the act."""
        places = self._direct(source) or ([self._server] if self._server else [])
        return (await _total(places, source)).value

    async def observe(self, look: Look) -> Sequence[Observation]:
        """Return the value now and its increase; no observation when the metric has no such series."""
        direct = self._direct(look.source)
        server = self._server if look.source.get("scrape", "auto") == "auto" else None
        places = [server] if server else direct
        now = await _total(places, look.source)
        if not now.series:
            return []
        base = look.baseline if isinstance(look.baseline, int | float) else 0.0
        delta = now.value - base
        if delta < 0:
            # Below the baseline is a counter reset, unless Prometheus has just not scraped since.
            fresh = await _total(direct, look.source) if server and direct else now
            delta = now.value if fresh.value < base else 0.0
        labels = look.source.get("labels") or {}
        where = "+".join(place.label for place in places) + ("" if server else " /metrics")
        data = {
            "metric": look.source.get("metric"),
            "labels": labels,
            "value": _number(now.value),
            "baseline": _number(float(base)),
            "delta": _number(delta),
        }
        evidence = f"{where}: {look.source.get('metric')}{_shown(labels)} {data['baseline']}→{data['value']}"
        return [Observation(data, evidence)]

    def _direct(self, source: Mapping[str, object]) -> list[MetricSource]:
        chosen = str(source.get("scrape", "auto"))
        if chosen == "auto":
            return list(self._scrapes.values())
        return [self._scrapes[chosen]] if chosen in self._scrapes else []

    @property
    def asks(self) -> str:
        """Say where values come from, for the report."""
        return "Prometheus" if self._server else "/metrics of " + " and ".join(self._scrapes)


async def _total(places: Sequence[MetricSource], source: Mapping[str, object]) -> Reading:
    labels = source.get("labels")
    wanted = {str(k): str(v) for k, v in labels.items()} if isinstance(labels, Mapping) else {}
    found = await asyncio.gather(*(place.read(str(source.get("metric", "")), wanted) for place in places))
    return Reading(sum(one.value for one in found), sum(one.series for one in found))


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value


def _shown(labels: object) -> str:
    if not isinstance(labels, Mapping) or not labels:
        return ""
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
