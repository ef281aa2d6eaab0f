"""Two phases of data for each signal: exactly at the threshold, then one step beyond.

Everything is counted in fractions, and slopes are such that two samples to a window give whole halves: what
the server then computes in doubles is exact, so that `> 20` is really tried with 20.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from ccops.rules.boundary.recipes import Form, Recipe
from ccops.rules.thresholds import Resolved
from ccops.rules.values import parse_duration

_FINE = 1000  # of that many one more is just beyond
_QUANTILE_OVER = 20  # 1 / (1 - 0.95)
_GAUGE_INTERVAL_S = 30  # a timestamp ages between samples: as often as rules are evaluated
_GAUGE_STEP = Fraction(1, 100)


@dataclass(frozen=True, slots=True)
class Line:
    """One series: what it does per interval (a counter) or is (a gauge) in each phase."""

    series: str
    first: Fraction
    second: Fraction
    level: bool = False
    ageing: bool = False  # a timestamp: grows with the clock, `first` and `second` behind it


@dataclass(frozen=True, slots=True)
class Phases:
    """Two phases of data, and the signal in each. All counts are per interval of `interval_s`."""

    lines: tuple[Line, ...]
    interval_s: int
    window_s: int
    long_s: int
    first: Fraction
    second: Fraction


def interval_of(recipe: Recipe) -> int:
    """Return the seconds between two samples: half the window, so that sums stay exact."""
    return int(parse_duration(recipe.window)) // 2 if recipe.window else _GAUGE_INTERVAL_S


def limit_of(recipe: Recipe, resolved: Resolved) -> Fraction:
    """Return the number that the alert compares with."""
    value = _value(recipe.threshold, resolved)
    return Fraction(recipe.burn) * (100 - value) / 100 if recipe.burn else value


def boundary(recipe: Recipe, resolved: Resolved) -> Phases:
    """Return data at the threshold, then just beyond."""
    return _BOUNDARY[recipe.form](recipe, resolved)


def at_volume(recipe: Recipe, resolved: Resolved) -> Phases:
    """Return data far beyond the threshold: first one event too few to judge it, then enough."""
    wanted = _value(recipe.volume, resolved)
    if recipe.form is Form.GAUGE:
        lines = [Line(one, Fraction(1), Fraction(1), level=True) for one in recipe.series]
        lines += [Line(one, wanted - 1, wanted, level=True) for one in recipe.volume_series]
        far = Fraction(recipe.scale)
        return _phases(recipe, lines, far, far)
    few, enough = (wanted - 1) / 2, wanted / 2
    if recipe.form is Form.QUANTILE:
        highest = Fraction(recipe.buckets[-1]) * Fraction(recipe.scale)
        lines = [*_cumulative(recipe, lambda _: Fraction(0), few, lambda _: Fraction(0), enough)]
        return _phases(recipe, lines, highest, highest)
    worst = Fraction(0) if recipe.below else Fraction(1)
    return _share(recipe, (few * worst, few), (enough * worst, enough))


def nothing(recipe: Recipe, resolved: Resolved) -> Phases:
    """Return the same series without any traffic."""
    made = boundary(recipe, resolved)
    still = tuple(Line(one.series, Fraction(0), Fraction(0)) for one in made.lines)
    return Phases(still, made.interval_s, made.window_s, made.long_s, Fraction(0), Fraction(0))


def _increase(recipe: Recipe, resolved: Resolved) -> Phases:
    limit = limit_of(recipe, resolved)
    beyond = limit - 1 if recipe.below else limit + 1
    return _phases(recipe, [Line(one, limit / 2, beyond / 2) for one in recipe.series], limit, beyond)


def _shares(recipe: Recipe, resolved: Resolved) -> Phases:
    ratio = limit_of(recipe, resolved) / (1 if recipe.burn else 100)
    volume = _value(recipe.volume, resolved) if recipe.volume else Fraction(0)
    count = _multiple(ratio.denominator, max(volume, Fraction(_FINE)))
    part = ratio * count
    step = -1 if recipe.below else 1
    return _share(recipe, (part, count), (part + step, count))


def _share(recipe: Recipe, first: tuple[Fraction, Fraction], second: tuple[Fraction, Fraction]) -> Phases:
    lines = [Line(one, first[0], second[0]) for one in recipe.part]
    lines += [Line(one, first[1] - first[0], second[1] - second[0]) for one in recipe.rest]
    lines += [Line(one, first[1], second[1]) for one in recipe.total]
    scale = 1 if recipe.burn else 100
    signals = [scale * part / count if count else Fraction(0) for part, count in (first, second)]
    return _phases(recipe, lines, *signals)


def _quantile(recipe: Recipe, resolved: Resolved) -> Phases:
    scale = Fraction(recipe.scale)
    limit = limit_of(recipe, resolved) / scale
    edges = [Fraction(0), *map(Fraction, recipe.buckets)]
    low, high = next((low, high) for low, high in pairwise(edges) if low <= limit < high)
    place = (limit - low) / (high - low)
    wide = _multiple(
        place.denominator, max(_value(recipe.volume, resolved) / _QUANTILE_OVER, Fraction(_FINE))
    )
    into, count = place * wide, Fraction(_QUANTILE_OVER) * wide

    def upto(step: int) -> Callable[[Fraction], Fraction]:
        below, within = count * 95 / 100 - into - step, count * 95 / 100 - into - step + wide

        def of(edge: Fraction) -> Fraction:
            if edge < low:
                return Fraction(0)
            return below if edge == low else within if edge <= high else count

        return of

    lines = _cumulative(recipe, upto(0), count, upto(1), count)
    return _phases(recipe, lines, limit * scale, (low + (high - low) * (into + 1) / wide) * scale)


def _cumulative(
    recipe: Recipe,
    first: Callable[[Fraction], Fraction],
    first_count: Fraction,
    second: Callable[[Fraction], Fraction],
    second_count: Fraction,
) -> list[Line]:
    lines = []
    for one in recipe.series:
        name, _, labels = one.partition("{")
        inside = labels.rstrip("}")
        lines += [
            Line(f'{name}_bucket{{{inside},le="{le}"}}', first(Fraction(le)), second(Fraction(le)))
            for le in recipe.buckets
        ]
        lines.append(Line(f'{name}_bucket{{{inside},le="+Inf"}}', first_count, second_count))
        lines.append(Line(f"{name}_count{{{inside}}}", first_count, second_count))
    return lines


def _gauge(recipe: Recipe, resolved: Resolved) -> Phases:
    limit, scale = limit_of(recipe, resolved), Fraction(recipe.scale)
    beyond = limit + (1 if scale == 1 else _GAUGE_STEP)
    lines = [Line(one, limit / scale, beyond / scale, level=True) for one in recipe.series]
    if recipe.volume:
        many = _value(recipe.volume, resolved)
        lines += [Line(one, many, many, level=True) for one in recipe.volume_series]
    return _phases(recipe, lines, limit, beyond)


def _age(recipe: Recipe, resolved: Resolved) -> Phases:
    limit = limit_of(recipe, resolved)
    lines = [Line(one, limit, limit + 1, level=True, ageing=True) for one in recipe.series]
    return _phases(recipe, lines, limit, limit + 1)


def _down(recipe: Recipe, resolved: Resolved) -> Phases:
    up, down = Fraction(1), Fraction(0)
    return _phases(recipe, [Line(one, up, down, level=True) for one in recipe.series], up, down)


def _phases(recipe: Recipe, lines: list[Line], first: Fraction, second: Fraction) -> Phases:
    lines = [*lines, *(Line(one, Fraction(1), Fraction(1)) for one in recipe.beside)]
    interval = interval_of(recipe)
    window = int(parse_duration(recipe.window)) if recipe.window else 0
    long = int(parse_duration(recipe.long)) if recipe.long else window
    return Phases(tuple(lines), interval, window, long, first, second)


def _multiple(of: int, at_least: Fraction) -> Fraction:
    """Return the smallest multiple of `of` that is not below `at_least`."""
    return Fraction(-(-at_least // of) * of)


def _value(text: str, resolved: Resolved) -> Fraction:
    value = resolved.values.get(text)
    return Fraction(Decimal(text) if value is None else value)


_BOUNDARY: Mapping[Form, Callable[[Recipe, Resolved], Phases]] = {
    Form.INCREASE: _increase,
    Form.SHARE: _shares,
    Form.QUANTILE: _quantile,
    Form.GAUGE: _gauge,
    Form.AGE: _age,
    Form.DOWN: _down,
}
