"""What Alertmanager was told of one alert: how many of it ring, and how many are silenced."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ccops.clients.guard import unreachable
from ccops.clients.http import open_http
from ccops.core.clock import iso
from ccops.rules.alerts import Alert, parse_alerts
from ccops.smoke.probes.base import Look, Observation, Polled, plain

if TYPE_CHECKING:
    import httpx


class AlertsProbe(Polled):
    """`{alert, labels}` gives one observation `{alert, labels, ringing, silenced, since, summary}`.

    An alert that nobody tells of is an observation, too: `ringing: 0` is how one has resolved.
    """

    system = "alerts"

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client, self._url = client, url

    async def observe(self, look: Look) -> Sequence[Observation]:
        """Ask now. Raises Unreachable when Alertmanager does not answer 200."""
        import httpx

        name = str(look.source.get("alert", ""))
        labels = look.source.get("labels")
        given = labels if isinstance(labels, Mapping) else {}
        wanted = {str(key): str(plain(text)) for key, text in given.items()}
        try:
            answer = await self._client.get("/api/v2/alerts")
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise unreachable("alertmanager", self._url, error) from None
        found = [one for one in parse_alerts(answer.json()) if one.name == name and _has(one, wanted)]
        return [_observation(name, wanted, found)]


def _has(alert: Alert, wanted: Mapping[str, str]) -> bool:
    return all(alert.labels.get(name) == value for name, value in wanted.items())


def _observation(name: str, wanted: Mapping[str, str], found: Sequence[Alert]) -> Observation:
    ringing = [one for one in found if not one.silenced_by]
    first = min(found, key=lambda one: one.starts_at, default=None)
    data = {
        "alert": name,
        "labels": dict(wanted),
        "ringing": len(ringing),
        "silenced": len(found) - len(ringing),
        "since": iso(first.starts_at) if first else None,
        "summary": first.annotations.get("summary") if first else None,
    }
    said = f"since {data['since']}" if first else "not told of"
    return Observation(data, f"alertmanager: {name} {said}, {len(ringing)} ringing")


@asynccontextmanager
async def open_alerts_probe(url: str) -> AsyncIterator[AlertsProbe]:
    """Yield a probe on its own connection."""
    async with open_http(url, timeout=5.0) as client:
        yield AlertsProbe(client, url)
