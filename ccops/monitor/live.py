"""Ask Prometheus what a panel would show."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ccops.core.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query returned. `numbers` counts series with a real value; a ratio without traffic has none."""

    series: int = 0
    numbers: int = 0
    values: tuple[float, ...] = ()
    error: str = ""

    @property
    def value(self) -> float | None:
        """Return the number of a query that has exactly one series, None when there is none."""
        return self.values[0] if len(self.values) == 1 and math.isfinite(self.values[0]) else None


def ask(client: httpx.Client, expr: str, at: float | None = None) -> Answer:
    """Return the instant value of `expr` now, or at a Unix time.

    A refused query is an answer with an error. Raises httpx' errors, and Unreachable for no Prometheus.
    """
    data = {"query": expr} | ({} if at is None else {"time": f"{at:.3f}"})
    plain = _checked(client, client.post("/api/v1/query", data=data))
    if plain["status"] == "error":
        return Answer(error=str(plain.get("error", "refused")))
    return _answer(plain.get("data"))


def _checked(client: httpx.Client, answer: httpx.Response) -> Mapping[str, object]:
    try:
        plain = answer.json()
    except ValueError:
        plain = None
    if not isinstance(plain, dict) or plain.get("status") not in {"success", "error"}:
        raise Unreachable(
            "PROMETHEUS_ANSWER_UNKNOWN",
            f"{client.base_url} does not answer a query as Prometheus does",
            evidence=f"HTTP {answer.status_code}: {answer.text[:160]}",
            next_step="CCOPS_PROMETHEUS_URL must name a Prometheus server",
        )
    return plain


def ask_by(client: httpx.Client, expr: str, label: str, at: float) -> dict[str, float]:
    """Return the finite instant values of `expr` by a label of its series. Raises as `ask` does."""
    data = {"query": expr, "time": f"{at:.3f}"}
    plain = _checked(client, client.post("/api/v1/query", data=data))
    result = plain.get("data")
    rows = result.get("result") if isinstance(result, dict) else None
    found: dict[str, float] = {}
    for row in rows if isinstance(rows, list) else []:
        value = _number(row.get("value"))
        if math.isfinite(value):
            found[str(row.get("metric", {}).get(label, ""))] = value
    return found


def ask_all(client: httpx.Client, exprs: Sequence[str]) -> list[Answer]:
    """Return the answers to several queries, a few at a time, in their order."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return list(pool.map(lambda expr: ask(client, expr), exprs))


def _answer(data: object) -> Answer:
    result = data.get("result") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(result, list):
        return Answer(error="no result")
    rows = (
        [result] if data.get("resultType") in {"scalar", "string"} else [item.get("value") for item in result]
    )
    values = tuple(_number(row) for row in rows)
    return Answer(len(values), sum(math.isfinite(one) for one in values), values)


def _number(row: object) -> float:
    try:
        return float(row[1]) if isinstance(row, list) else math.nan
    except (IndexError, TypeError, ValueError):
        return math.nan
