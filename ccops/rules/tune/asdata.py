"""The machine form of a proposal. Numbers are numbers; thresholds are written as in the env file."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from ccops.core.clock import iso
from ccops.rules.tune.model import Candidate, Proposal, Stats, Window


def as_data(one: Proposal) -> dict[str, object]:
    """Return `one` as JSON-like data."""
    return {
        "rule": one.rule,
        "env": one.env,
        "var": one.var or None,
        "current": _number(one.current),
        "proposed": _number(one.proposed),
        "verdict": one.verdict.value,
        "reason": one.reason or None,
        "window": _window(one.window),
        "step": one.window.step if one.window else None,
        "coverage": round(one.coverage, 4),
        "stats": _stats(one.stats),
        "floor": None if one.floor is None else significant(one.floor),
        "budget_per_week": one.budget,
        "plateau": [_number(end) for end in one.plateau] if one.plateau else None,
        "below": _candidate(one.below) if one.below else None,
        "above": _candidate(one.above) if one.above else None,
        "candidates": [_candidate(item) for item in one.candidates],
        "episodes": _episodes(one),
        "large_move": one.large_move,
        "warnings": list(one.warnings),
    }


def significant(value: float) -> float:
    """Return `value` with the six digits that anybody needs."""
    return float(f"{value:.6g}")


def chosen(one: Proposal) -> Candidate | None:
    """Return the candidate that is proposed (the current one when it is kept)."""
    return next((item for item in one.candidates if item.threshold == one.proposed), None)


def _number(value: Decimal | None) -> int | float | None:
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def _window(window: Window | None) -> list[str] | None:
    if window is None:
        return None
    return [iso(datetime.fromtimestamp(moment, UTC)) for moment in (window.start, window.end)]


def _stats(stats: Stats | None) -> dict[str, object] | None:
    if stats is None:
        return None
    return {
        "median": significant(stats.median),
        "mad": significant(stats.mad),
        "p95": significant(stats.p95),
        "p99": significant(stats.p99),
        "p999": significant(stats.p999),
        "max": significant(stats.max),
        "min": significant(stats.min),
        "samples": stats.samples,
        "trimmed": stats.trimmed,
        "trimmed_p999": significant(stats.trimmed_p999),
    }


def _candidate(one: Candidate) -> dict[str, object]:
    return {
        "t": _number(one.threshold),
        "fires": one.fires,
        "pages": one.pages,
        "per_week": round(one.per_week, 2),
        "firing_minutes": round(one.firing_minutes, 1),
        "series": one.series,
        "missed": list(one.missed),
    }


def _episodes(one: Proposal) -> list[dict[str, object]]:
    """Return when the proposed threshold would have fired."""
    item = chosen(one)
    if item is None or one.window is None:
        return []
    found: list[dict[str, object]] = []
    for episode in item.episodes:
        span = _window(Window(one.window.at(episode.first), one.window.at(episode.last), one.window.step))
        found.append(
            {
                "labels": dict(episode.labels),
                "span": span,
                "open_start": episode.open_start,
                "open_end": episode.open_end,
                "low_confidence": episode.doubtful,
            }
        )
    return found
