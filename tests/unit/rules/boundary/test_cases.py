"""Recipes and generated cases: what a recipe may hold, what a test expects, and what an alert must say."""

from fractions import Fraction
from pathlib import Path

import pytest

from ccops.core.errors import UsageError
from ccops.core.profile import find_project, load_profile, packaged_project
from ccops.rules.boundary.cases import cases_of
from ccops.rules.boundary.expected import Rule, alerts_of, expected
from ccops.rules.boundary.recipes import load_recipes
from ccops.rules.project import rule_set, templates_of

PROJECT = find_project(packaged_project())
SET = rule_set(load_profile("prod", PROJECT))
RULES = {rule.alert: rule for rule in alerts_of(SET.rendered.files)}
RECIPES = load_recipes(templates_of(PROJECT))


def rule(summary: str) -> Rule:
    return Rule("A", "a.yml", "x > 1", 120, {}, {"summary": summary})


def test_labels_and_numbers_are_worked_out() -> None:
    said = expected(
        rule('{{ $labels.flow }}: {{ printf "%.2f" $value }} of {{$labels.none}}'),
        {"flow": "x"},
        Fraction(1, 3),
    )

    assert said == {"summary": "x: 0.33 of "}


@pytest.mark.parametrize(
    "text", ["{{ $value | humanize }}", '{{ query "up" }}', "{{ $value }}", "{{ .Labels.x }}"]
)
def test_a_sentence_that_cannot_be_foretold_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="can't be foretold"):
        expected(rule(text), {}, Fraction(1))


def test_every_alert_is_tried_at_its_threshold() -> None:
    for recipe in RECIPES:
        names = [case.name for case in cases_of(RULES[recipe.alert], recipe, SET.resolved)]

        assert (
            f"{recipe.alert}{f' / {recipe.variant}' if recipe.variant else ''}: at its threshold, then beyond"
            in names
        )
        assert bool(recipe.volume and not recipe.variant) == any(
            "too little to judge" in name for name in names
        )
        assert len(set(names)) == len(names)


def test_a_case_expects_silence_then_pending_then_firing() -> None:
    recipe = next(one for one in RECIPES if one.alert == "PurchasePendingSpike")
    entry = cases_of(RULES[recipe.alert], recipe, SET.resolved)[0].entry
    checks = entry["promql_expr_test"]
    assert isinstance(checks, list)
    told = [(check["expr"].partition(" # ")[0], check["eval_time"], check["exp_samples"]) for check in checks]
    one = [{"labels": "{}", "value": 1}]

    # The slope changes at 450 s and shows in the sample at 600 s; `for` is 2 m, rules run every 30 s.
    assert told == [
        ('count_over_time(ALERTS{alertname="PurchasePendingSpike"}[570s])', "570s", []),
        ('count(ALERTS{alertname="PurchasePendingSpike",alertstate="pending"})', "690s", one),
        ('count(ALERTS{alertname="PurchasePendingSpike",alertstate="firing"})', "690s", []),
        ('count(ALERTS{alertname="PurchasePendingSpike",alertstate="firing"})', "720s", one),
    ]
    series = entry["input_series"]
    assert isinstance(series, list)
    assert series[0]["values"] == "1048576+15x3 1048636.5+15.5x5"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A: {form: rise}", "rise"),
        ("A: {form: gauge, serie: x}", "unknown: serie"),
        ("A: {}", "is not a valid Form"),
        ("A: gauge", "no mapping"),
        ("A: {like: A}", "like itself"),
        ("A: {like: B}\nB: {like: A}", "like itself"),
        ("A: {like: B}", "B is no mapping"),
        ("A: {form: gauge}\nA: {form: gauge}", "a second time"),
        ("", "no recipe"),
        ("- A", "no recipe"),
    ],
)
def test_a_bad_recipe_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "boundary.yml").write_text(text, encoding="utf-8")

    with pytest.raises(UsageError) as caught:
        load_recipes(tmp_path)

    assert caught.value.code == "BOUNDARY_INVALID"
    assert said in caught.value.evidence


def test_a_recipe_may_be_like_another(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    text = "A: {form: gauge, series: x, threshold: 5}\nA / second: {like: A, threshold: 6}\n"
    (tmp_path / "tests" / "boundary.yml").write_text(text, encoding="utf-8")
    first, second = load_recipes(tmp_path)

    assert (first.alert, first.threshold, first.series) == ("A", "5", ("x",))
    assert (second.alert, second.variant, second.threshold, second.series) == ("A", "second", "6", ("x",))


def test_histograms_of_the_recipes_have_the_buckets_of_the_contract() -> None:
    from ccops.core.bundle import packaged_contract, read_yaml

    metrics = read_yaml(packaged_contract(), "metrics.yml")
    for recipe in (one for one in RECIPES if one.buckets):
        declared = metrics[recipe.series[0].partition("{")[0]]
        assert isinstance(declared, dict)
        assert [float(le) for le in recipe.buckets] == declared["buckets"]
