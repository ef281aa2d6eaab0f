"""The silence of one run: exact to the lag alert of its group. The exporter's own alert stays loud."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ccops.clients.alertmanager import open_alertmanager
from ccops.core.clock import Clock
from ccops.core.errors import Refused, Unreachable
from ccops.kafka.snapshot import Who
from ccops.rules import silences
from ccops.rules.silences import KEY, exactly, owner_of

if TYPE_CHECKING:
    import httpx

__all__ = ["ALERT", "KEY", "Silence", "Silencer", "begin_silence", "matchers", "open_silencer"]
ALERT = "KafkaHighConsumerLag"


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence that was read back: it is active until `ends_at` and then ends by itself."""

    ident: str
    group: str
    ends_at: datetime


class Silencer:
    """Makes, extends and ends the silences of one run. Every method raises Unreachable."""

    def __init__(self, client: httpx.Client, clock: Clock) -> None:
        self._silences = silences.Silencer(client, clock)

    def begin(self, group: str, who: Who, lease: timedelta) -> Silence:
        """Silence the lag alert of `group` until `lease` from now; the run's own silence is extended."""
        comment = f"{who.run_id}: {who.reason or 'offsets are being moved'}"
        made = self._silences.begin(_labels(group), owner_of(who.run_id), comment, lease)
        return Silence(made.ident, group, made.ends_at)

    def find(self, group: str, run_id: str) -> str:
        """Return the id of the run's own silence of `group`, empty when there is none that is alive."""
        own = self._silences.find(_labels(group), owner_of(run_id))
        return own.ident if own else ""

    def end(self, ident: str) -> None:
        """End the silence; one that has ended already, or that nobody knows any more, is fine."""
        self._silences.end(ident)


def matchers(group: str) -> list[dict[str, object]]:
    """Return what the silence is exact to: this alert of this group."""
    return exactly(_labels(group))


def _labels(group: str) -> dict[str, str]:
    return {"alertname": ALERT, "consumergroup": group}


@contextmanager
def open_silencer(url: str, clock: Clock, *, timeout: float = 5.0) -> Iterator[Silencer]:
    """Yield the silencer of the Alertmanager at `url`."""
    with open_alertmanager(url, timeout=timeout) as client:
        yield Silencer(client, clock)


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
