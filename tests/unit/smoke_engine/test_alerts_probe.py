"""The probe that asks Alertmanager: what nobody tells of is an answer, and what is silenced does not ring."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx
import pytest

from ccops.core.errors import Unreachable
from ccops.smoke.probes.alerts import AlertsProbe
from ccops.smoke.probes.base import Look, Observation


def told(name: str, flow: str, silenced: Sequence[str] = ()) -> dict[str, object]:
    return {
        "labels": {"alertname": name, "flow": flow},
        "annotations": {"summary": f"{flow} fails"},
        "startsAt": "2026-11-23T09:00:00.000Z",
        "status": {"state": "suppressed" if silenced else "active", "silencedBy": list(silenced)},
    }


def looked(source: dict[str, object], answer: httpx.Response) -> Observation:
    async def ask() -> Observation:
        transport = httpx.MockTransport(lambda request: answer)
        async with httpx.AsyncClient(base_url="http://alerts:9093", transport=transport) as client:
            (one,) = await AlertsProbe(client, "http://alerts:9093").observe(Look(source))
            return one

    return asyncio.run(ask())


def test_it_counts_what_rings_apart_from_what_is_silenced_by_exact_labels() -> None:
    answer = httpx.Response(
        200,
        json=[
            told("Spike", "item"),
            told("Spike", "item", ["s1"]),
            told("Spike", "webhook"),
            told("X", "item"),
        ],
    )
    one = looked({"alert": "Spike", "labels": {"flow": "item"}}, answer)

    assert (one.data["ringing"], one.data["silenced"]) == (1, 1)
    assert one.data["summary"] == "item fails"
    assert one.evidence == "alertmanager: Spike since 2026-11-23T09:00:00.000Z, 1 ringing"


def test_an_alert_that_nobody_tells_of_does_not_ring() -> None:
    one = looked({"alert": "Spike"}, httpx.Response(200, json=[told("Other", "item")]))

    assert (one.data["ringing"], one.data["since"]) == (0, None)
    assert one.evidence == "alertmanager: Spike not told of, 0 ringing"


def test_a_server_that_fails_was_not_looked_at() -> None:
    with pytest.raises(Unreachable):
        looked({"alert": "Spike"}, httpx.Response(500))
