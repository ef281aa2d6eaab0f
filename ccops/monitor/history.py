"""What counters counted within a window, out of Prometheus' history: whole numbers, across restarts.

increase() is not asked: it stretches what it saw to the edges of the window (33.3 for 30 events), and a
series that begins at 1 has grown by nothing for it, so that the first error of a route would go unseen.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ccops.core.errors import Unreachable, UsageError
from ccops.rules.values import BadValue, parse_duration

if TYPE_CHECKING:
    import httpx

Labels = Mapping[str, str]
Point = tuple[float, float]

_STEPS = 600  # the server refuses 11 000 and more
_FINEST_S = 1.0
_LONGEST_S = 400 * 86_400.0
_BARE = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Window:
    """From `seconds` before `end` (Unix time) to `end`."""

    end: float
    seconds: float

    @property
    def step_s(self) -> float:
        """Return how far apart two looks are."""
        return max(_FINEST_S, math.ceil(self.seconds / _STEPS))

    @property
    def text(self) -> str:
        """Return its length, as PromQL and people write it."""
        rest, parts = round(self.seconds), ""
        for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
            number, rest = divmod(rest, size)
            parts += f"{number}{unit}" if number else ""
        return parts


def parse_since(text: str, now: datetime) -> Window:
    """Return the window that `--since` names: a length (`1h`, `7d`) or a moment with a zone.

    Raises UsageError.
    """
    try:
        seconds = _seconds(text.strip(), now)
        if not _FINEST_S <= seconds <= _LONGEST_S:
            raise BadValue("a window is from one second to 400 days long and ends now")
    except (BadValue, ValueError) as error:
        raise UsageError(
            "WINDOW_INVALID",
            f"--since {text!r} is no window",
            evidence=str(error),
            next_step="--since 1h, --since 7d, --since 2026-11-22T09:00:00Z",
        ) from None
    return Window(now.timestamp(), seconds)


def _seconds(text: str, now: datetime) -> float:
    if _BARE.fullmatch(text):
        raise BadValue("a number without a unit: write 3600s or 1h")
    if "T" not in text:
        return float(parse_duration(text))
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise BadValue("the moment has no zone: add Z or +09:00")
    return (now - moment.astimezone(UTC)).total_seconds()


def grown(points: Sequence[Point], *, from_zero: bool) -> float:
    """Return the growth of one counter: a fall is a restart, after which it began at 0.

    `from_zero`: the series was not there at first though its process was, so that it began at 0 as well.
    """
    total, before = 0.0, 0.0 if from_zero else points[0][1] if points else 0.0
    for _, value in points:
        total += value - before if value >= before else value
        before = value
    return total


@dataclass(frozen=True, slots=True)
class History:
    """Counters of a job over a window.

    seen_from  when each instance was first scraped in it
    born       instances whose first process began within it: all they have counted belongs to it
    """

    client: httpx.Client
    window: Window
    job: str
    seen_from: Mapping[str, float]
    born: frozenset[str] = frozenset()

    @property
    def coverage(self) -> float:
        """Return the share of the window in which some instance was scraped, from 0 to 1."""
        first = min(self.seen_from.values(), default=self.window.end)
        return (
            min(1.0, (self.window.end - first + self.window.step_s) / self.window.seconds)
            if self.seen_from
            else 0
        )

    def growth(self, selector: str, by: str = "") -> dict[str, float]:
        """Return the growth of the sum over `selector`, by the values of the label `by` (one: empty).

        `selector` is a metric with matchers; the sums are taken for each instance, since each has restarts
        of its own.
        """
        labels = f"instance, {by}" if by else "instance"
        found: dict[str, float] = {}
        for labels_of, points in self._range(f"sum by ({labels}) ({selector})"):
            instance = labels_of.get("instance", "")
            late = points[0][0] > self.seen_from.get(instance, math.inf)
            amount = grown(points, from_zero=late or instance in self.born)
            key = labels_of.get(by, "")
            found[key] = found.get(key, 0.0) + amount
        return found

    def peak(self, expr: str) -> float | None:
        """Return the largest value of `expr` within the window; None when it had none."""
        values = [value for _, points in self._range(expr) for _, value in points if math.isfinite(value)]
        return max(values, default=None)

    def _range(self, expr: str) -> list[tuple[Labels, Sequence[Point]]]:
        return query_range(self.client, expr, self.window)


def open_history(client: httpx.Client, window: Window, job: str) -> History:
    """Return the history of `job`."""
    seen = query_range(client, f'sum by (instance) (up{{job="{job}"}} == 1)', window)
    # Several processes behind one port do not say when they began.
    started = query_range(client, f'max by (instance) (process_start_time_seconds{{job="{job}"}})', window)
    begin = window.end - window.seconds
    return History(
        client,
        window,
        job,
        {labels.get("instance", ""): points[0][0] for labels, points in seen},
        frozenset(labels.get("instance", "") for labels, points in started if points[0][1] >= begin),
    )


def query_range(client: httpx.Client, expr: str, window: Window) -> list[tuple[Labels, Sequence[Point]]]:
    """Return the series of `expr` with their points. Raises Unreachable when Prometheus refuses."""
    steps = math.floor(window.seconds / window.step_s)
    asked = {
        "query": expr,
        "start": f"{window.end - steps * window.step_s:.3f}",
        "end": f"{window.end:.3f}",
        "step": f"{window.step_s:g}",
    }
    answer = client.post("/api/v1/query_range", data=asked)
    try:
        plain = answer.json()
    except ValueError:
        plain = None
    if not isinstance(plain, dict) or plain.get("status") != "success":
        raise Unreachable(
            "PROMETHEUS_ANSWER_UNKNOWN",
            f"{client.base_url} does not answer a range query",
            evidence=f"HTTP {answer.status_code}: {answer.text[:160]}",
            next_step="CCOPS_PROMETHEUS_URL must name a Prometheus server",
        )
    return [
        (item["metric"], points) for item in plain["data"]["result"] if (points := _points(item["values"]))
    ]


def _points(values: Iterable[Sequence[object]]) -> list[Point]:
    return [(float(str(at)), float(str(value))) for at, value in values if str(value) != "NaN"]
