"""Two rule sets side by side: what is a difference, and what is only layout."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ccops.core.errors import UsageError
from ccops.rules.diff import Change, compare
from ccops.rules.flat import FlatRule, flatten

RULE = FlatRule(
    file="shop.yml",
    group="shop",
    alerting=True,
    name="Spike",
    expr='sum by (flow) (increase(x_total{job="j",result="pending"}[5m])) > 20',
    for_s=120,
    keep_firing_for_s=0,
    labels={"severity": "warning"},
    annotations={"summary": "many"},
)


def changes(left: FlatRule, right: FlatRule) -> list[Change]:
    return [change for one in compare([left], [right]) for change in one.changes]


def test_layout_is_no_difference() -> None:
    loose = 'sum(\n  increase( x_total{job="j", result="pending"}[5m] )\n) by(flow)\n  > 20'
    assert compare([RULE], [replace(RULE, expr=loose)]) == ()
    assert compare([replace(RULE, expr="x >")], [replace(RULE, expr="x   >")]) == ()


@pytest.mark.parametrize(
    ("field", "changed", "left", "right"),
    [
        ("expr", {"expr": RULE.expr.replace("20", "30")}, "20", "30"),
        ("for", {"for_s": 300.0}, "2m", "5m"),
        ("keep_firing_for", {"keep_firing_for_s": 60.0}, "0s", "1m"),
        ("labels.severity", {"labels": {"severity": "critical"}}, "warning", "critical"),
        ("labels.team", {"labels": {"severity": "warning", "team": "a"}}, "(none)", "a"),
        ("annotations.summary", {"annotations": {}}, "many", "(none)"),
        ("interval", {"interval_s": 15.0}, "30s", "15s"),
        ("limit", {"limit": 5}, "0", "5"),
        ("group", {"group": "other"}, "shop", "other"),
    ],
)
def test_every_field_counts(field: str, changed: dict[str, object], left: str, right: str) -> None:
    base = replace(RULE, interval_s=30)
    (found,) = changes(base, replace(base, **changed))  # type: ignore[arg-type]
    assert found.field == field
    assert found.left.rstrip(")").endswith(left.rstrip(")"))
    assert found.right.rstrip(")").endswith(right.rstrip(")"))


def test_an_interval_that_one_side_does_not_name_is_no_difference() -> None:
    assert compare([RULE], [replace(RULE, interval_s=60)]) == ()


def test_rules_come_and_go() -> None:
    other = replace(RULE, name="Absent")
    (gone,) = compare([RULE, other], [RULE])
    assert (gone.sign, gone.where) == ("-", "shop/Absent")
    (new,) = compare([RULE], [RULE, other])
    assert (new.sign, new.where) == ("+", "shop/Absent")


def test_namesakes_are_told_apart_by_labels_and_then_by_expression() -> None:
    slow = replace(RULE, labels={"severity": "critical"}, expr="x > 1")
    assert compare([RULE, slow], [slow, RULE]) == ()
    (found,) = compare([RULE, slow], [RULE, replace(slow, expr="x > 2")])
    assert (found.changes[0].left, found.changes[0].right) == ("x > 1", "x > 2")
    recording = [replace(RULE, alerting=False, expr=f"x > {n}", labels={}) for n in (1, 2)]
    assert compare(recording, recording[::-1]) == ()


def test_files_are_read_as_they_stand() -> None:
    text = (
        "groups:\n- name: g\n  interval: 1m\n  limit: 3\n  rules:\n"
        "  - alert: A\n    expr: x > 1\n    for: 1h30m\n    keep_firing_for: 5m\n    labels: {a: b}\n"
        "  - record: r\n    expr: sum(x)\n"
    )
    alert, record = flatten([("a.yml", text)])
    assert (alert.for_s, alert.keep_firing_for_s, alert.interval_s, alert.limit) == (5400, 300, 60, 3)
    assert (record.alerting, record.name, record.where) == (False, "r", "g/r")


@pytest.mark.parametrize("text", ["{", "[]", "groups: 1", "groups:\n- name: g\n  rules: [x]\n"])
def test_what_is_no_rule_file_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"a\.yml can't be read"):
        flatten([("a.yml", text)])
