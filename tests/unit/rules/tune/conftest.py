"""A project of its own: templates with a few alerts, three env files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccops.core.profile import Profile, Project, load_profile

THRESHOLDS = """\
ALERT_SPIKE:
  type: int
  unit: payments
  min: 1
  max: 1000
  order: up
  defaults: {dev: 20, staging: 25, prod: 30}
  used_by: [Spike]
  help: Pending payments.
ALERT_VOLUME:
  type: int
  unit: payments
  min: 1
  max: 1000
  order: none
  defaults: {dev: 20, staging: 25, prod: 30}
  used_by: [Success]
  help: Payments that make a share worth looking at.
ALERT_SUCCESS:
  type: percent
  unit: percent
  min: 50
  max: 99.9
  order: none
  defaults: {dev: 98, staging: 99, prod: 98}
  used_by: [Success]
  help: Payments that succeed.
SLO_OBJECTIVE:
  type: percent
  unit: percent
  order: up
  defaults: {dev: 95, staging: 99, prod: 99.5}
  used_by: [Burn]
  help: Requests that succeed.
"""
RULES = """\
groups:
  - name: shop
    interval: 30s
    rules:
      - alert: Spike
        expr: sum by (flow) (increase(pay_total{result="pending"}[5m])) > << ALERT_SPIKE >>
        for: 2m
        labels: {severity: warning}
      - alert: Success
        expr: |
          100 * sum(rate(pay_total{result="ok"}[10m])) / sum(rate(pay_total[10m])) < << ALERT_SUCCESS >>
          and sum(increase(pay_total[10m])) >= << ALERT_VOLUME >>
        for: 5m
        keep_firing_for: 1m
        labels: {severity: critical}
      - alert: Burn
        expr: error_ratio > << burn("14.4", SLO_OBJECTIVE) >>
      - alert: Down
        expr: up == 0
      - alert: Negative
        expr: balance < 0
      - alert: Absent
        expr: up{job="x"} < 1 or absent(up{job="x"})
      - record: pay:rate
        expr: sum(rate(pay_total[5m]))
"""
ENV = """\
# Profile {env}.
CCOPS_STACK=external
CCOPS_PROTECTED={protected}
# thresholds
ALERT_SPIKE={spike}
# the backend
APP_ENV={env}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "rules_templates" / "rules").mkdir(parents=True)
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "env").mkdir()
    (tmp_path / "rules_templates" / "thresholds.yml").write_text(THRESHOLDS, encoding="utf-8")
    (tmp_path / "rules_templates" / "rules" / "shop.yml.j2").write_text(RULES, encoding="utf-8")
    for env, spike, protected in (("dev", 10, 0), ("staging", 25, 0), ("prod", 30, 1)):
        text = ENV.format(env=env, spike=spike, protected=protected)
        (tmp_path / "env" / f"{env}.env").write_text(text, encoding="utf-8")
    return Project(tmp_path, tmp_path / "home")


@pytest.fixture
def dev(project: Project) -> Profile:
    return load_profile("dev", project, {})
