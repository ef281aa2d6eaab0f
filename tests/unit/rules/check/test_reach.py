"""Thresholds that can't be reached or left, floors under ratios, and conditions, in all their spellings."""

from __future__ import annotations

import pytest

from ccops.rules.check import check_text
from tests.rules_probes import settings
from tests.unit.rules.check.test_files import GOOD

A = "sum(increase(purchase_attempt_total[5m]))"
F = 'sum(increase(purchase_attempt_total{result="fail"}[5m]))'


def codes(expr: str) -> list[str]:
    text = GOOD.replace("expr: up == 0", "expr: >-\n          " + expr)
    return [one.code for one in check_text(text, settings()).findings]


@pytest.mark.parametrize(
    "expr",
    [
        f"{F} / {A} > 0.5 and {A} >= 20",
        f"{A} >= 20 and {F} / {A} > 0.5",
        f"{F} / {A} > 0.5 unless {A} < 20",
        f"{F} / ({A} > 20) > 0.5",
        f"({F} / {A} > 0.5 and {A} > 9) or ({F} / {A} > 0.9 and {A} > 5)",
        f"(1 - {F} / {A}) * 100 < 99 and {A} > 20",
        "sum(rate(realtime_event_lag_ms_sum[5m])) / sum(rate(realtime_event_lag_ms_count[5m])) > 500",
        "100 * purchase_pending / on () group_left () sum(purchase_pending) > 50",
    ],
)
def test_a_floor_under_a_ratio_may_be_written_in_any_way_and_no_other_quotient_needs_one(expr: str) -> None:
    assert codes(expr) == []


@pytest.mark.parametrize(
    "expr",
    [
        f"{F} / {A} > 0.5",
        f"100 * (1 - {F} / {A}) < 98",
        f"{F} / {A} > 0.5 and {F} / {A} < 0.9",
        f"({F} / {A} > 0.5 and {A} > 9) or {F} / {A} > 0.9",
        f"{F} / {A} > 0.5 unless {A} > 20",
        "some:errors:ratio5m > 0.5",
    ],
)
def test_a_ratio_without_a_floor_is_told(expr: str) -> None:
    assert "RULE_NO_VOLUME_GUARD" in codes(expr)


@pytest.mark.parametrize(
    ("expr", "code"),
    [
        (f"{A} > 0", ""),
        (f"{A} >= 0", "RULE_ALWAYS_FIRES"),
        (f"{A} > 5 and {A} >= 0", ""),
        (f"{A} > 5 and {A} < 0", "RULE_NEVER_FIRES"),
        (f"{A} >= 0 and {F} >= 0", "RULE_ALWAYS_FIRES"),
        (f"up == 0 or {A} >= 0", "RULE_ALWAYS_FIRES"),
        ("up > 1", "RULE_NEVER_FIRES"),
        ("up < 1", ""),
        ("up == 2", "RULE_NEVER_FIRES"),
        ("count(up == 0) > 0", ""),
        (f"clamp_min({A} - 5, 0) < 0", "RULE_NEVER_FIRES"),
        (f"clamp_max({A}, 10) > 10", "RULE_NEVER_FIRES"),
        (f"-{A} > 0", "RULE_NEVER_FIRES"),
        ("purchase_pending - 5 < 0", ""),
        ("time() - max(clickhouse_ingest_last_success_timestamp_seconds) > 300", ""),
        ("rate(purchase_attempt_total[5m]) > 2 * rate(purchase_attempt_total[5m] offset 1d)", ""),
    ],
)
def test_what_a_signal_can_be_decides_whether_a_threshold_makes_sense(expr: str, code: str) -> None:
    assert codes(expr) in ([code] if code else [], [code, code])


@pytest.mark.parametrize(
    "expr",
    [
        "count(up == 0) > 0",
        "sum(purchase_pending > 5)",
        "abs(delta(purchase_pending[5m])) > 5",
        "topk(3, purchase_pending) > 5",
        'up == 0 unless on (instance) ALERTS{alertstate="firing"}',
        'ALERTS{alertname="Probe", alertstate="firing"}',
        'absent(up{job="kafka-exporter"})',
        'label_replace(up == 0, "host", "$1", "instance", "(.*):.*")',
        "(purchase_pending > 5) * 2",
        "purchase_pending > 5 and on () (hour() > 8)",
        "purchase_pending unless purchase_pending offset 5m",
    ],
)
def test_a_condition_may_be_anywhere(expr: str) -> None:
    assert codes(expr) == []


@pytest.mark.parametrize(
    "expr",
    ["purchase_pending", "purchase_pending * 2", "up == 0 or purchase_pending", "abs(purchase_pending)"],
)
def test_an_expression_without_a_condition_is_told(expr: str) -> None:
    assert codes(expr) == ["RULE_NO_COMPARISON"]
