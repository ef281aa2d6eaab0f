"""A silence that belongs to one run: exact to the group's lag alert, leased, and checked after it was made.

Alertmanager makes a second silence of a repeated POST, so the own one is looked for first. Matchers are
never regular expressions: the dots of a group's name would match anything, and other groups with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ccops.clients.alertmanager import open_alertmanager
from ccops.core.clock import Clock, iso
from ccops.core.errors import Refused, Unreachable
from ccops.kafka.snapshot import Who

if TYPE_CHECKING:
    import httpx

KEY = "CCOPS_ALERTMANAGER_URL"
ALERT = "KafkaHighConsumerLag"
_SETTLE_S = 3.0


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence that was read back: it is active until `ends_at` and then ends by itself."""

    ident: str
    group: str
    ends_at: datetime


class Silencer:
    """Makes, extends and ends the silences of one run. Every method raises Unreachable."""

    def __init__(self, client: httpx.Client, url: str, clock: Clock) -> None:
        self._client, self._url, self._clock = client, url, clock

    def begin(self, group: str, who: Who, lease: timedelta) -> Silence:
        """Silence the lag alert of `group` until `lease` from now; the run's own silence is extended."""
        now = self._clock.now()
        body: dict[str, object] = {
            "matchers": matchers(group),
            "startsAt": iso(now),
            "endsAt": iso(now + lease),
            "createdBy": owner(who.run_id),
            "comment": f"{who.run_id}: {who.reason or 'offsets are being moved'}",
        }
        if own := self.find(group, who.run_id):
            body["id"] = own
        answer = self._client.post("/silences", json=body)
        answer.raise_for_status()
        return self._verified(str(answer.json()["silenceID"]), group, now + lease)

    def find(self, group: str, run_id: str) -> str:
        """Return the id of the run's own silence of `group`, empty when there is none that is alive."""
        answer = self._client.get("/silences", params={"filter": f'consumergroup="{group}"'})
        answer.raise_for_status()
        for item in answer.json():
            mine = item.get("createdBy") == owner(run_id) and _same(item.get("matchers"), matchers(group))
            if mine and item.get("status", {}).get("state") in {"active", "pending"}:
                return str(item["id"])
        return ""

    def end(self, ident: str) -> None:
        """End the silence; one that has ended already, or that nobody knows any more, is fine."""
        answer = self._client.delete(f"/silence/{ident}")
        if not answer.is_success and self._state(ident) not in {"expired", "gone"}:
            answer.raise_for_status()

    def _state(self, ident: str) -> str:
        answer = self._client.get(f"/silence/{ident}")
        if answer.status_code == 404:
            return "gone"
        answer.raise_for_status()
        return str(answer.json().get("status", {}).get("state"))

    def _verified(self, ident: str, group: str, ends_at: datetime) -> Silence:
        """Read the silence back; its clock may be a little behind ours, so that it is pending at first."""
        until = time.monotonic() + _SETTLE_S
        while True:
            answer = self._client.get(f"/silence/{ident}")
            answer.raise_for_status()
            item = answer.json()
            state = item.get("status", {}).get("state")
            if state == "active" and _same(item.get("matchers"), matchers(group)):
                return Silence(ident, group, ends_at)
            if state != "pending" or time.monotonic() > until:
                raise Unreachable(
                    "KAFKA_SILENCE_LOST",
                    f"the silence {ident} is {state}, not active as it was made",
                    evidence=f"matchers {item.get('matchers')}",
                    next_step="look at the clocks of both machines, then again",
                )
            time.sleep(0.1)


def owner(run_id: str) -> str:
    """Return the author that marks a silence as a run's own."""
    return f"ccops/{run_id}"


def matchers(group: str) -> list[dict[str, object]]:
    """Return what the silence is exact to: this alert of this group. The exporter's own alert stays loud."""
    return [
        {"name": name, "value": value, "isRegex": False, "isEqual": True}
        for name, value in (("alertname", ALERT), ("consumergroup", group))
    ]


def _same(found: object, wanted: list[dict[str, object]]) -> bool:
    if not isinstance(found, list):
        return False
    return sorted(_plain(item) for item in found) == sorted(_plain(item) for item in wanted)


def _plain(item: Mapping[str, object]) -> tuple[str, str, bool, bool]:
    return (
        str(item.get("name")),
        str(item.get("value")),
        bool(item.get("isRegex")),
        item.get("isEqual") is not False,
    )


@contextmanager
def open_silencer(url: str, clock: Clock, *, timeout: float = 5.0) -> Iterator[Silencer]:
    """Yield the silencer of the Alertmanager at `url`."""
    with open_alertmanager(url, timeout=timeout) as client:
        yield Silencer(client, url, clock)


def begin_silence(url: str, group: str, who: Who, lease: timedelta, clock: Clock) -> Silence:
    """Silence `group` before anything is written. Raises Refused when that can't be done."""
    try:
        with open_silencer(url, clock) as silencer:
            return silencer.begin(group, who, lease)
    except Unreachable as error:
        raise Refused(
            "KAFKA_SILENCE_IMPOSSIBLE",
            f"the lag alert of {group} can't be silenced, so nothing was changed",
            evidence=f"{error.message}: {error.evidence}",
            next_step="bring Alertmanager back, or --no-silence and let it ring",
        ) from None
