"""A small good dashboard, a catalogue and thresholds, to plant faults in."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from functools import cache
from pathlib import Path

from ccops.core.profile import Profile, Project, load_profile
from ccops.monitor.check import Checked, check_sources
from ccops.monitor.dashboards import Source
from ccops.monitor.queries import with_recordings
from ccops.rules.catalogue import Catalogue, load_catalogue
from ccops.rules.flat import flatten
from ccops.rules.thresholds import Resolved, load_thresholds
from tests.conftest import ROOT

DATASOURCE = {"type": "prometheus", "uid": "prometheus"}
RECORDS = """\
groups:
  - name: g
    rules:
      - record: slo:errors:ratio
        expr: sum by (handler) (rate(http_requests_total{status=~"5.+"}[5m]))
        labels: {slo: api}
"""


def target(ref: str, expr: str, legend: str = "") -> dict[str, object]:
    """A query as Grafana has it."""
    return {"refId": ref, "datasource": dict(DATASOURCE), "expr": expr, "legendFormat": legend}


def panel(ident: int, title: str, x: int, *targets: dict[str, object]) -> dict[str, object]:
    """A panel of half the width, with a line at the threshold of pending payments."""
    return {
        "id": ident,
        "type": "timeseries",
        "title": title,
        "datasource": dict(DATASOURCE),
        "gridPos": {"x": x, "y": 0, "w": 12, "h": 8},
        "fieldConfig": {
            "defaults": {
                "unit": "short",
                "thresholds": {
                    "mode": "absolute",
                    "steps": [{"color": "green", "value": None}, {"color": "red", "value": 20}],
                },
            },
            "overrides": [],
        },
        "targets": list(targets),
        "ccops": {"emptyOk": "", "limits": [{"threshold": "ALERT_PENDING_SPIKE_THRESHOLD"}]},
    }


def board() -> dict[str, object]:
    """A dashboard that nothing is wrong with."""
    pending = 'sum by (flow) (increase(purchase_attempt_total{result="pending"}[$__rate_interval]))'
    return {
        "uid": "test",
        "title": "test",
        "id": None,
        "editable": False,
        "templating": {
            "list": [
                {
                    "name": "handler",
                    "type": "query",
                    "datasource": dict(DATASOURCE),
                    "query": "label_values(http_requests_total, handler)",
                }
            ]
        },
        "annotations": {"list": [{"name": "a", "datasource": dict(DATASOURCE), "expr": "ALERTS"}]},
        "panels": [
            panel(1, "first", 0, target("A", pending, "{{flow}}"), target("B", "sum(ws_active_connections)")),
            panel(
                2,
                "second",
                12,
                target(
                    "A",
                    'sum by (handler) (rate(http_requests_total{handler=~"$handler"}[5m]))',
                    "{{handler}}",
                ),
                target("B", "slo:errors:ratio", "{{slo}} {{handler}}"),
            ),
        ],
    }


@cache
def thresholds() -> Resolved:
    """Thresholds of which a panel can draw one."""
    name = "ALERT_PENDING_SPIKE_THRESHOLD"
    known = load_thresholds(ROOT / "rules_templates" / "thresholds.yml")
    return Resolved("dev", known, {name: Decimal(20)}, {name: "env/dev.env:6"})


@cache
def catalogue() -> Catalogue:
    """The bundled backend's series and one recording."""
    return with_recordings(load_catalogue(env="dev"), flatten([("rules.yml", RECORDS)]))


def checked(*boards: dict[str, object]) -> Checked:
    """What is found in `boards`, written as files of several lines."""
    sources = [
        Source(f"{number}.json", json.dumps(one, indent=1), f"{number}.json")
        for number, one in enumerate(boards)
    ]
    return check_sources("dev", sources, thresholds(), catalogue())


def project(folder: Path) -> Profile:
    """A project of its own with the shipped templates, for faults in those; its profile is dev."""
    for name in ("rules_templates", "env"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "scenarios").mkdir()
    return load_profile("dev", Project(folder, folder / ".ccops"), {})
