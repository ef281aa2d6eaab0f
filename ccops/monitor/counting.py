"""How much counters grew between scrapes, across restarts of the processes that hold them.

A restarted process begins at 0 again. Its new value is then what was counted since; what the old one counted
after its last scrape is lost with it, so that a growth is never overstated and the more often is scraped, the
less is missed. A restart shows in `process_start_time_seconds`, or in a value that fell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ccops.core.exposition import Exposition, Series

STARTED = "process_start_time_seconds"


@dataclass(slots=True)
class Growth:
    """One endpoint's series: growth since the first scrape, and how often its process began anew."""

    restarts: int = 0
    grown: dict[Series, float] = field(default_factory=dict)
    _last: Exposition | None = None

    def feed(self, now: Exposition) -> None:
        """Take the next scrape. A series that a later scrape is the first to show has grown from 0."""
        before = self._last
        self._last = now
        if before is None:
            self.grown = dict.fromkeys(now.samples, 0.0)
            return
        anew = _restarted(before, now)
        self.restarts += anew
        for series, value in now.samples.items():
            step = _step(before.samples.get(series), value, now.counts(series.name), anew)
            self.grown[series] = self.grown.get(series, 0.0) + step

    @property
    def last(self) -> Exposition:
        """Return the latest scrape."""
        return self._last or Exposition()


def _restarted(before: Exposition, now: Exposition) -> bool:
    told = Series(STARTED)
    if told in before.samples and told in now.samples:
        return before.samples[told] != now.samples[told]
    return any(
        value < before.samples.get(series, value)
        for series, value in now.samples.items()
        if now.counts(series.name)
    )


def _step(before: float | None, value: float, counts: bool, anew: bool) -> float:
    if before is None:
        return value
    if counts and (anew or value < before):
        return value
    return value - before


@dataclass(slots=True)
class Growths:
    """The growth of several endpoints, by their label."""

    by_place: dict[str, Growth] = field(default_factory=dict)

    def feed(self, scrapes: Mapping[str, Exposition]) -> None:
        """Take one scrape of each endpoint that answered."""
        for place, now in scrapes.items():
            self.by_place.setdefault(place, Growth()).feed(now)

    @property
    def restarts(self) -> int:
        """Return how often any of the processes began anew."""
        return sum(one.restarts for one in self.by_place.values())
