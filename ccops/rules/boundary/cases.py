"""From two phases of data to a test of promtool: silent at the threshold, then pending, then firing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from ccops.rules.boundary.expected import Rule, expected
from ccops.rules.boundary.phases import Line, Phases, at_volume, boundary, nothing
from ccops.rules.boundary.recipes import Form, Recipe
from ccops.rules.thresholds import Resolved
from ccops.rules.values import canonical

_EVERY_S = 60
# So far from zero that no window is cut short because a counter can't have been negative; a power of two.
_OFFSET = 1 << 20


@dataclass(frozen=True, slots=True)
class Case:
    """One generated test: its name, how often rules are evaluated, and its entry in a promtool file."""

    name: str
    alert: str
    every_s: int
    entry: Mapping[str, object]


def cases_of(rule: Rule, recipe: Recipe, resolved: Resolved) -> list[Case]:
    """Return the tests of one alert: its threshold, its volume guard if it has one, and no traffic at all."""
    made = [_at_threshold(rule, recipe, resolved)]
    if recipe.variant:  # other series of the same alert: its guard is tried once
        return made
    if recipe.form is Form.DOWN:
        made.append(_absent(rule, recipe, resolved))
    if recipe.volume:
        made.append(_at_volume(rule, recipe, resolved))
    if recipe.form in {Form.SHARE, Form.QUANTILE} or (recipe.form is Form.INCREASE and not recipe.below):
        made.append(_no_traffic(rule, recipe, resolved))
    return made


def _at_threshold(rule: Rule, recipe: Recipe, resolved: Resolved) -> Case:
    phases = boundary(recipe, resolved)
    turn, stop, every = _times(rule, phases)
    # A counter shows its new slope with the first sample after the turn, a gauge at the turn.
    begins = turn + (phases.interval_s if phases.window_s else 0)
    settled = max(begins + rule.for_s, turn + phases.window_s) + every
    labels = recipe.labels or {}
    # Without `present` nothing is seen before the first window is full; with it, too little is.
    checks = [_never(rule, begins - every, phases.window_s if recipe.present else 0)]
    if rule.for_s:
        checks += [_count(rule, "pending", begins + rule.for_s - every, 1)]
        checks += [_count(rule, "firing", begins + rule.for_s - every, 0)]
    checks += [_count(rule, "firing", begins + rule.for_s, 1)]
    value = _signal(phases, turn, _on_grid(settled, every))
    return _case(
        _title(rule, recipe, "at its threshold, then beyond"), rule, (every, phases),
        _series(phases, turn, stop, every, recipe.present), checks, [_alert(rule, settled, labels, value)],
    )  # fmt: skip


def _at_volume(rule: Rule, recipe: Recipe, resolved: Resolved) -> Case:
    phases = at_volume(recipe, resolved)
    turn, stop, every = _times(rule, phases)
    checks = [_never(rule, turn)]
    if not phases.window_s:
        checks = [_never(rule, turn - every)]
    if rule.for_s:
        first = turn + (phases.interval_s if phases.window_s else 0)
        checks.append(_count(rule, "firing", first + rule.for_s - every, 0))
    checks.append(_count(rule, "firing", turn + phases.window_s + rule.for_s, 1))
    series = _series(phases, turn, stop, every)
    return _case(
        _title(rule, recipe, "too little to judge, then enough"), rule, (every, phases), series, checks
    )


def _no_traffic(rule: Rule, recipe: Recipe, resolved: Resolved) -> Case:
    phases = nothing(recipe, resolved)
    turn, stop, every = _times(rule, phases)
    series = _series(phases, turn, stop, every)
    return _case(_title(rule, recipe, "no traffic"), rule, (every, phases), series, [_never(rule, turn)])


def _absent(rule: Rule, recipe: Recipe, resolved: Resolved) -> Case:
    phases = boundary(recipe, resolved)
    turn, _, every = _times(rule, phases)
    count = turn // phases.interval_s
    series = [{"series": one.series, "values": f"1+0x{count - 1} stale"} for one in phases.lines]
    checks = [
        _never(rule, turn - every),
        _count(rule, "firing", turn + rule.for_s - every, 0),
        _count(rule, "firing", turn + rule.for_s, 1),
    ]
    told = [_alert(rule, turn + rule.for_s, recipe.labels_absent or {}, Fraction(1))]
    return _case(_title(rule, recipe, "its target is gone"), rule, (every, phases), series, checks, told)


def _title(rule: Rule, recipe: Recipe, what: str) -> str:
    return f"{rule.alert}{f' / {recipe.variant}' if recipe.variant else ''}: {what}"


def _times(rule: Rule, phases: Phases) -> tuple[int, int, int]:
    """Return the second of the turn, the last second, and how often rules are evaluated."""
    # Without `for` the rules are evaluated exactly where the samples are: all arithmetic there is exact.
    interval = phases.interval_s
    every = math.gcd(interval, rule.for_s, _EVERY_S) if rule.for_s else interval
    # One full window and a bit: an alert that is only pending shows too, so `for` need not pass first.
    turn = (phases.window_s // interval + 1 if phases.window_s else 4) * interval
    stop = turn + (math.ceil((phases.window_s + rule.for_s) / interval) + 3) * interval
    return turn, stop, every


def _signal(phases: Phases, turn: int, at: int) -> Fraction:
    """Return the signal at second `at`: of a long window both phases are seen."""
    if not phases.window_s or phases.long_s <= phases.window_s:
        return phases.second
    seen = min(at, phases.long_s) // phases.interval_s
    late = min((at - turn) // phases.interval_s, seen)
    return (phases.first * (seen - late) + phases.second * late) / seen


def _series(
    phases: Phases, turn: int, stop: int, every: int, present: Sequence[str] = ()
) -> list[dict[str, str]]:
    before = turn // phases.interval_s
    after = stop // phases.interval_s - before
    made = {one.series: _values(one, phases, before, after) for one in phases.lines}
    if present:  # all series of a test share one interval, so the others get holes
        made = {
            one.series: _with_holes(one, before, after, phases.interval_s // every) for one in phases.lines
        }
        made |= dict.fromkeys(present, f"0+0x{stop // every}")
    return [{"series": series, "values": values} for series, values in made.items()]


def _with_holes(line: Line, before: int, after: int, step: int) -> str:
    points = [_OFFSET + line.first * index for index in range(before + 1)]
    points += [points[-1] + line.second * index for index in range(1, after + 1)]
    return f" _x{step - 1} ".join(map(_text, points))


def _values(line: Line, phases: Phases, before: int, after: int) -> str:
    if line.ageing:
        late = before * phases.interval_s - line.second
        return (
            f"{_text(-line.first)}+{phases.interval_s}x{before - 1} {_text(late)}+{phases.interval_s}x{after}"
        )
    if line.level:
        return f"{_text(line.first)}+0x{before - 1} {_text(line.second)}+0x{after}"
    turned = _OFFSET + line.first * before + line.second
    return f"{_OFFSET}+{_text(line.first)}x{before} {_text(turned)}+{_text(line.second)}x{after - 1}"


def _text(value: Fraction) -> str:
    return canonical(Decimal(value.numerator) / Decimal(value.denominator))


def _case(
    name: str,
    rule: Rule,
    times: tuple[int, Phases],
    series: list[dict[str, str]],
    checks: list[dict[str, object]],
    alerts: list[dict[str, object]] | None = None,
) -> Case:
    every, phases = times
    holes = any("_x" in one["values"] for one in series)
    entry: dict[str, object] = {
        "name": name,
        "interval": f"{every if holes else phases.interval_s}s",
        "input_series": series,
        # promtool does not say which test an expression belongs to, so it carries the name along.
        "promql_expr_test": [{**check, "expr": f"{check['expr']} # {name}"} for check in checks],
        "alert_rule_test": alerts or [],
    }
    return Case(name, rule.alert, every, entry)


def _on_grid(at: int, every: int) -> int:
    return at - at % every


def _never(rule: Rule, until: int, since: int = 0) -> dict[str, object]:
    """Return the check that the alert was not even pending from second `since` on."""
    expr = f'count_over_time(ALERTS{{alertname="{rule.alert}"}}[{until - since}s])'
    return {"expr": expr, "eval_time": f"{until}s", "exp_samples": []}


def _count(rule: Rule, state: str, at: int, count: int) -> dict[str, object]:
    expr = f'count(ALERTS{{alertname="{rule.alert}",alertstate="{state}"}})'
    samples = [{"labels": "{}", "value": count}] if count else []
    return {"expr": expr, "eval_time": f"{at}s", "exp_samples": samples}


def _alert(rule: Rule, at: int, labels: Mapping[str, str], value: Fraction) -> dict[str, object]:
    told = {"exp_labels": {**labels, **rule.labels}, "exp_annotations": expected(rule, labels, value)}
    return {"eval_time": f"{at}s", "alertname": rule.alert, "exp_alerts": [told]}
