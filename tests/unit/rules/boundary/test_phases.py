"""Generated data stands exactly at the threshold, whatever the threshold is, and then just beyond it."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccops.core.profile import find_project, load_profile, packaged_project
from ccops.rules.boundary.phases import Line, Phases, at_volume, boundary, limit_of, nothing
from ccops.rules.boundary.recipes import Form, Recipe, load_recipes
from ccops.rules.project import resolved_of, templates_of
from ccops.rules.thresholds import Resolved

PROJECT = find_project(packaged_project())
RESOLVED = resolved_of(load_profile("prod", PROJECT))
RECIPES = {f"{one.alert} {one.variant}".strip(): one for one in load_recipes(templates_of(PROJECT))}
SHARES = [name for name, one in RECIPES.items() if one.form is Form.SHARE]
QUANTILES = [name for name, one in RECIPES.items() if one.form is Form.QUANTILE]
Side = Callable[[Line], Fraction]


def first(line: Line) -> Fraction:
    return line.first


def second(line: Line) -> Fraction:
    return line.second


def with_value(name: str, value: Decimal) -> Resolved:
    return replace(RESOLVED, values={**RESOLVED.values, name: value})


def share(recipe: Recipe, phases: Phases, side: Side) -> Fraction:
    of = {line.series: side(line) for line in phases.lines}
    rest = sum((of[one] for one in recipe.rest), Fraction(0))
    part = sum((of[one] for one in recipe.part), Fraction(0))
    total = sum((of[one] for one in recipe.total), Fraction(0)) or part + rest
    ratio = (part or total - rest) / total
    return ratio if recipe.burn else 100 * ratio


def quantile(recipe: Recipe, phases: Phases, side: Side) -> Fraction:
    """Return what Prometheus' histogram_quantile(0.95) would, without rounding."""
    found = {line.series.partition('le="')[2].rstrip('"}'): side(line) for line in phases.lines}
    count = found["+Inf"]
    rank = count * 95 / 100
    below = Fraction(0), Fraction(0)
    for le in recipe.buckets:
        edge, upto = Fraction(le), found[le]
        if upto >= rank:
            return (below[0] + (edge - below[0]) * (rank - below[1]) / (upto - below[1])) * Fraction(
                recipe.scale
            )
        below = edge, upto
    return below[0] * Fraction(recipe.scale)


def is_exact_in_doubles(value: Fraction) -> bool:
    """Whether a counter that grows by `value` per sample is exact, sample after sample."""
    denominator = value.denominator
    return denominator & (denominator - 1) == 0 and abs(value) < 2**40


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_stands_at_its_limit_and_then_beyond(name: str) -> None:
    recipe = RECIPES[name]
    phases = boundary(recipe, RESOLVED)
    if recipe.form is Form.DOWN:
        assert (phases.first, phases.second) == (1, 0)
        return
    limit = limit_of(recipe, RESOLVED)

    assert phases.first == limit
    assert phases.second < limit if recipe.below else phases.second > limit
    for line in phases.lines:
        assert line.level or (is_exact_in_doubles(line.first) and is_exact_in_doubles(line.second))


@pytest.mark.parametrize("name", RECIPES)
def test_no_traffic_is_none(name: str) -> None:
    assert {(line.first, line.second) for line in nothing(RECIPES[name], RESOLVED).lines} == {(0, 0)}


@settings(max_examples=60)
@given(st.sampled_from(SHARES), st.integers(min_value=93_100, max_value=99_999))
def test_a_share_is_exact_for_any_percentage(name: str, thousandths: int) -> None:
    recipe = RECIPES[name]
    resolved = with_value(recipe.threshold, Decimal(thousandths) / 1000)
    limit, phases = limit_of(recipe, resolved), boundary(recipe, resolved)

    assert share(recipe, phases, first) == limit
    beyond = share(recipe, phases, second)
    assert beyond < limit if recipe.below else beyond > limit
    assert abs(beyond - limit) <= (1 if recipe.burn else 100) * Fraction(1, 1000)
    assert phases.second == beyond
    assert all(is_exact_in_doubles(side(line)) for line in phases.lines for side in (first, second))


@settings(max_examples=60)
@given(st.sampled_from(QUANTILES), st.integers(min_value=50, max_value=48_990))
def test_a_quantile_is_exact_for_any_limit(name: str, tenths: int) -> None:
    recipe = RECIPES[name]
    resolved = with_value(recipe.threshold, Decimal(tenths) / 10)
    limit, phases = limit_of(recipe, resolved), boundary(recipe, resolved)
    series = [line for line in phases.lines if 'le="' in line.series]

    assert quantile(recipe, replace(phases, lines=tuple(series)), first) == limit
    beyond = quantile(recipe, replace(phases, lines=tuple(series)), second)
    assert limit < beyond == phases.second
    for side in (first, second):  # buckets are cumulative
        assert all(one <= other for one, other in pairwise(side(line) for line in series))


@pytest.mark.parametrize("name", [name for name, one in RECIPES.items() if one.volume])
def test_the_volume_guard_is_tried_one_below_and_at_it(name: str) -> None:
    recipe = RECIPES[name]
    phases = at_volume(recipe, RESOLVED)
    wanted = Fraction(RESOLVED.values[recipe.volume])
    per_window = 1 if recipe.form is Form.GAUGE else 2
    if recipe.form is Form.SHARE:
        lines = [line for line in phases.lines if line.series in (recipe.total or recipe.part + recipe.rest)]
    else:
        lines = [
            line for line in phases.lines if line.series in recipe.volume_series or "_count{" in line.series
        ]

    assert per_window * sum(line.first for line in lines) == wanted - 1
    assert per_window * sum(line.second for line in lines) == wanted


def test_intervals_divide_windows_and_evaluations() -> None:
    for recipe in RECIPES.values():
        phases = boundary(recipe, RESOLVED)

        assert not phases.window_s or phases.window_s == 2 * phases.interval_s
        assert phases.long_s % phases.interval_s == 0
