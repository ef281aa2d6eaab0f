"""Histories for tests and bench of `rules tune`: two weeks with a day's rhythm and known incidents."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from ccops.rules.tune.model import History, Series, Window

DAYS = 14
STEP = 30
START = 1_794_787_200  # Monday, 2026-11-16 00:00 UTC
WINDOW = Window(START, START + DAYS * 86_400 - STEP, STEP)
GAP = (60_000 // STEP, (60_000 + 7_200) // STEP)
RESET = 200_010 // STEP
# When (day, hour), for how many minutes, and how high: the highest is the largest value of all.
INCIDENTS = ((3, 10.5, 12, 54.0), (8, 20.2, 15, 95.0), (12, 15.0, 10, 202.5))


def signal(seed: int) -> list[float]:
    """Purchases pending in five minutes: nights of one or two, evenings of seven to ten, some noise."""
    return [*_signal(seed)]


@cache
def _signal(seed: int) -> tuple[float, ...]:
    rng, window = random.Random(seed), WINDOW
    values = []
    for index in range(window.size):
        hour = window.at(index) / 3600 % 24
        rhythm = 5.2 + 4.3 * math.sin((hour - 14) / 24 * 2 * math.pi)
        values.append(max(0.0, round(rhythm + rng.gauss(0, 0.9 + 0.25 * rhythm), 2)))
    _bursts(values, rng)
    return tuple(values)


def _bursts(values: list[float], rng: random.Random) -> None:
    """Lay noise that lasts over the signal: short busy spells, far more often low than high."""
    for height, count in ((10.8, 120), (12.6, 70), (15.6, 30), (18.6, 6)):
        for _ in range(count):
            start, length = rng.randrange(len(values) - 20), rng.randrange(6, 12)
            for index in range(start, start + length):
                values[index] = max(values[index], height + round(rng.random() * 1.2, 2))


def with_incidents(values: Sequence[float], window: Window = WINDOW) -> list[float]:
    """Lay the incidents over `values`."""
    found = list(values)
    for day, hour, minutes, height in INCIDENTS:
        first = window.index(window.start + day * 86_400 + hour * 3600)
        length = minutes * 60 // window.step
        for number in range(length):
            shape = 1 - abs(number - (length - 1) / 2) / length
            found[first + number] = max(found[first + number], height * min(1.0, shape + 0.02))
    return found


def incident_spans() -> list[tuple[int, int]]:
    """Return begin and end of the incidents, in Unix seconds."""
    return [
        (int(START + day * 86_400 + hour * 3600), int(START + day * 86_400 + hour * 3600 + minutes * 60))
        for day, hour, minutes, _ in INCIDENTS
    ]


@cache
def example(seed: int = 7) -> History:
    """Return the history of the design page: diurnal, three incidents, a gap of two hours and a reset."""
    values = with_incidents(signal(seed))
    return history(values, gap=GAP, resets=(RESET,), range_s=300)


def history(
    values: Sequence[float | None],
    *,
    window: Window | None = None,
    gap: tuple[int, int] | None = None,
    resets: Sequence[int] = (),
    range_s: float = 0.0,
    labels: Mapping[str, str] | None = None,
) -> History:
    """Return a history of one series; None and the gap are evaluations without a sample."""
    window = window or Window(START, START + (len(values) - 1) * STEP, STEP)
    holes: Iterable[int] = range(*gap) if gap else ()
    missing = set(holes) | {index for index, value in enumerate(values) if value is None}
    at = [index for index in range(len(values)) if index not in missing]
    series = Series(dict(labels or {"flow": "gold"}), at, [float(values[index] or 0.0) for index in at])
    return History(window, (series,), at, tuple(resets), range_s)
