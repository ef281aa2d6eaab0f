"""Recordings: rules of one name with other labels, what they can be, and alerts that read them."""

from __future__ import annotations

import pytest

from ccops.rules.check import check_text
from tests.rules_probes import settings
from tests.unit.rules.check.test_files import GOOD

_ALL = "sum(increase(http_requests_total[5m]))"
_BAD = 'sum(increase(http_requests_total{status=~"5.+"}[5m]))'
_COUNT = "sum(increase(http_request_duration_seconds_count[5m]))"
_FAST = 'sum(increase(http_request_duration_seconds_bucket{le="0.25"}[5m]))'
RECORDS = f"""
      - record: slo:errors:ratio5m
        expr: ({_BAD} or vector(0)) / {_ALL}
        labels: {{slo: availability}}
      - record: slo:errors:ratio5m
        expr: ({_COUNT} - {_FAST}) / {_COUNT}
        labels: {{slo: latency}}
      - record: slo:errors:ratio5m
        expr: sum(up)
        labels: {{slo: other}}
"""


def codes(expr: str) -> list[str]:
    text = GOOD.replace("expr: up == 0", f"expr: '{expr}'") + RECORDS.lstrip("\n")
    return [one.code for one in check_text(text, settings()).findings]


@pytest.mark.parametrize("slo", ["availability", "latency"])
def test_a_budget_times_a_factor_of_one_or_more_can_never_be_burnt(slo: str) -> None:
    guard = f" and on () {_ALL} >= 20"
    assert codes(f'slo:errors:ratio5m{{slo="{slo}"}} > 0.999{guard}') == []
    assert codes(f'slo:errors:ratio5m{{slo="{slo}"}} > 1{guard}') == ["RULE_NEVER_FIRES"]
    assert codes(f'slo:errors:ratio5m{{slo=~"a.+|lat.+"}} > 1{guard}') == ["RULE_NEVER_FIRES"]
    assert codes(f"slo:errors:ratio5m > 1{guard}") == []  # one of the three is no ratio
    assert codes(f"sum(slo:errors:ratio5m) > 1{guard}") == []


def test_a_recorded_ratio_needs_a_floor_under_its_volume_too() -> None:
    assert codes('slo:errors:ratio5m{slo="latency"} > 0.5') == ["RULE_NO_VOLUME_GUARD"]
    assert codes('slo:errors:ratio5m{slo="other"} > 0.5') == []


def test_a_label_that_the_recordings_set_has_their_values_only() -> None:
    assert "RULE_VALUE_UNKNOWN" in codes('slo:errors:ratio5m{slo="latncy"} > 0.5')
    assert "RULE_LABEL_UNKNOWN" in codes('slo:errors:ratio5m{job="x"} > 0.5')
