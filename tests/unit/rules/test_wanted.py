"""What differs between rule files and what a server has loaded, rule by rule and field by field."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ccops.core.errors import UsageError
from ccops.rules.server import LoadedGroup, LoadedRule
from ccops.rules.wanted import Change, Kind, changes, in_folder, wanted_groups

TEXT = """\
groups:
  - name: g
    interval: 5s
    rules:
      - record: a:b
        expr: sum by (x)(rate(m_total[1h30m]))
      - alert: A
        expr: a:b   > 1e3
        for: 2m
        keep_firing_for: 1m
        labels: {severity: critical, service: s}
        annotations: {summary: "x {{ $value }}"}
"""
# As /api/v1/rules of Prometheus 2.42 says it back.
LOADED = LoadedGroup(
    "g",
    "/etc/rules/f.yml",
    5.0,
    (
        LoadedRule("a:b", False, "sum by (x) (rate(m_total[90m]))"),
        LoadedRule(
            "A",
            True,
            "a:b > 1000",
            120.0,
            60.0,
            {"severity": "critical", "service": "s"},
            {"summary": "x {{ $value }}"},
            "ok",
        ),
    ),
)
ALERT = LOADED.rules[1]


def differs(*rules: LoadedRule, **group: Any) -> tuple[Change, ...]:
    have = replace(LOADED, rules=rules or LOADED.rules, **group)
    return changes(wanted_groups({"f.yml": TEXT}), (have,))


def test_layout_of_promql_and_spelling_of_durations_are_no_difference() -> None:
    assert differs() == ()


@pytest.mark.parametrize(
    ("change", "field", "before", "after"),
    [
        ({"query": "a:b > 1001"}, "query", "a:b > 1001", "a:b > 1000"),
        ({"duration_s": 60.0}, "for", "60s", "120s"),
        ({"keep_firing_for_s": 0.0}, "keep_firing_for", "0s", "60s"),
        ({"labels": {"severity": "critical"}}, "label service", "", "s"),
        ({"annotations": {}}, "annotation summary", "", "x {{ $value }}"),
    ],
)
def test_each_field_of_a_rule_is_compared(
    change: dict[str, Any], field: str, before: str, after: str
) -> None:
    found = differs(LOADED.rules[0], replace(ALERT, **change))

    assert found == (Change(Kind.CHANGED, "g", "A", {field: (before, after)}),)


def test_interval_limit_and_order_of_a_group_are_compared() -> None:
    assert differs(interval_s=1.0)[0].fields == {"interval": ("1s", "5s")}
    assert differs(limit=3)[0].fields == {"limit": ("3", "0")}
    assert differs(*reversed(LOADED.rules))[0].fields == {"order": ("A, a:b", "a:b, A")}


def test_rules_and_groups_that_come_or_go_are_named() -> None:
    assert differs(LOADED.rules[0]) == (Change(Kind.ADDED, "g", "A"),)
    extra = replace(ALERT, name="B")
    assert differs(*LOADED.rules, extra) == (Change(Kind.REMOVED, "g", "B"),)
    wanted = wanted_groups({"f.yml": TEXT})
    assert changes(wanted, ()) == (Change(Kind.ADDED, "g", rules=2),)
    assert changes((), wanted) == (Change(Kind.REMOVED, "g", rules=2),)


def test_rules_of_one_name_are_paired_by_their_labels() -> None:
    critical, warning = ALERT, replace(ALERT, labels={"severity": "warning"}, query="a:b > 5")
    want = LoadedGroup("g", "f.yml", 0, (critical, warning))

    assert changes((want,), (replace(want, rules=(warning, critical)),)) == ()
    (only,) = changes((want,), (replace(want, rules=(critical, replace(warning, query="a:b > 6"))),))
    assert only.fields == {"query": ("a:b > 6", "a:b > 5")}


def test_groups_of_another_folder_belong_to_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    mine = replace(LOADED, file=str(tmp_path / "f.yml"))
    theirs = replace(LOADED, file="/etc/other/f.yml")

    assert in_folder((theirs, mine), tmp_path / "link") == (mine,)
    assert in_folder((theirs, mine), tmp_path, {"f.yml"}) == ()


@pytest.mark.parametrize("text", ["groups: [", "groups:\n- {name: g, interval: 5min, rules: []}\n"])
def test_a_file_that_is_none_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        wanted_groups({"f.yml": text})
