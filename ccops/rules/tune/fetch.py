"""Read the history of a signal: from a Prometheus server in chunks, or from a file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ccops.core.errors import Unreachable, UsageError
from ccops.rules.tune.model import History, Series, Window

if TYPE_CHECKING:
    import httpx

    from ccops.rules.tune.target import Target

CHUNK = 10_000  # points; the server refuses more than 11,000
TIMEOUT_S = 60.0
_Labels = tuple[tuple[str, str], ...]


def fetch(client: httpx.Client, target: Target, window: Window) -> History:
    """Return what the server at `client` (paths from its root) knows of the signal of `target`.

    The bare signal says where anything was observed, the guarded one what the rule could have fired on.
    Raises Unreachable when the server does not answer, UsageError when it refuses the expression.
    """
    bare = query_range(client, target.signal, window)
    masked = bare if target.masked == target.signal else query_range(client, target.masked, window)
    resets = query_range(client, target.resets, window) if target.resets else {}
    present = sorted({index for points in bare.values() for index, _ in points})
    return History(
        window,
        tuple(_series(dict(labels), points) for labels, points in sorted(masked.items())),
        present,
        sorted({index for points in resets.values() for index, _ in points}),
        target.range_s,
    )


def query_range(
    client: httpx.Client, query: str, window: Window
) -> Mapping[_Labels, list[tuple[int, float]]]:
    """Return by labels the samples of `query` as (index, value), NaN and infinities included."""
    found: dict[_Labels, list[tuple[int, float]]] = {}
    for chunk in chunks(window):
        for one in _asked(client, query, chunk):
            labels = tuple(sorted((k, v) for k, v in _mapping(one.get("metric")).items() if k != "__name__"))
            points = found.setdefault(labels, [])
            values = cast("list[tuple[float, str]]", one.get("values") or [])
            points += [(window.index(at), float(text)) for at, text in values]
    return found


def chunks(window: Window) -> Iterator[Window]:
    """Yield windows of at most CHUNK evaluations on the same grid, none of them twice."""
    for first in range(0, window.size, CHUNK):
        last = min(first + CHUNK, window.size) - 1
        yield Window(window.at(first), window.at(last), window.step)


def _asked(client: httpx.Client, query: str, window: Window) -> Iterable[Mapping[str, object]]:
    form = {"query": query, "start": str(window.start), "end": str(window.end), "step": str(window.step)}
    answer = client.post("/api/v1/query_range", data=form, timeout=TIMEOUT_S)
    if answer.status_code in {400, 422}:
        raise UsageError(
            "QUERY_REFUSED",
            "Prometheus refuses the signal of the rule",
            evidence=f"{_error(answer)}\nquery: {query}",
            next_step="ccops rules check says more; --step or --since ask for less",
        )
    answer.raise_for_status()
    data = _mapping(_mapping(answer.json()).get("data"))
    if data.get("resultType") != "matrix" or not isinstance(data.get("result"), list):
        raise Unreachable(
            "PROMETHEUS_ANSWER_UNKNOWN",
            f"{client.base_url} does not answer query_range as Prometheus does",
            evidence=answer.text[:200],
            next_step="name the base URL of a Prometheus server",
        )
    return cast("list[Mapping[str, object]]", data["result"])


def load_history(path: Path, rule: str) -> History:
    """Return the history of `rule` from a file that `as_json` made. Raises UsageError."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        found = plain["histories"].get(rule)
        if found is None:
            raise KeyError(f"it has no {rule}, only {', '.join(sorted(plain['histories'])) or 'nothing'}")
        return _history(found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            "HISTORY_INVALID",
            f"{path} can't be read as a history",
            evidence=f"{type(error).__name__}: {str(error)[:200]}",
            next_step="ccops rules tune --save FILE writes one",
        ) from None


def as_json(histories: Mapping[str, History]) -> str:
    """Return histories by rule as the text that `load_history` reads."""
    return json.dumps({"histories": {name: _plain(one) for name, one in histories.items()}}) + "\n"


def _history(plain: Mapping[str, object]) -> History:
    window = Window(*(int(cast(int, plain[name])) for name in ("start", "end", "step")))
    if window.step < 1 or window.end < window.start:
        raise ValueError("its window is empty")
    series = []
    for one in cast("list[Mapping[str, object]]", plain["series"]):
        values = cast("list[tuple[int, float | str]]", one["points"])
        series.append(_series(_mapping(one.get("labels")), [(int(at), float(value)) for at, value in values]))
    listed = cast("list[int] | None", plain.get("present"))
    present = sorted({at for one in series for at in one.at}) if listed is None else [*map(int, listed)]
    if any(not 0 <= at < window.size for at in (*present, *(at for one in series for at in one.at))):
        raise ValueError("an index lies outside of its window")
    resets = [*map(int, cast("list[int]", plain.get("resets") or []))]
    return History(window, tuple(series), present, resets, float(cast(float, plain.get("range_s") or 0)))


def _plain(one: History) -> dict[str, object]:
    return {
        "start": one.window.start,
        "end": one.window.end,
        "step": one.window.step,
        "range_s": one.range_s,
        "resets": list(one.resets),
        "present": list(one.present),
        "series": [
            {"labels": dict(series.labels), "points": list(zip(series.at, series.values, strict=True))}
            for series in one.series
        ],
    }


def _series(labels: Mapping[str, str], points: Iterable[tuple[int, float]]) -> Series:
    # A comparison with NaN is false; an infinity fires as any other number does.
    numbers = sorted((at, value) for at, value in points if not math.isnan(value))
    return Series(labels, [at for at, _ in numbers], [value for _, value in numbers])


def _mapping(value: object) -> Mapping[str, str]:
    return cast("Mapping[str, str]", value) if isinstance(value, Mapping) else {}


def _error(answer: httpx.Response) -> str:
    try:
        return str(_mapping(answer.json()).get("error"))[:300]
    except ValueError:
        return answer.text[:300]
