"""Each fault that is planted in a dashboard is found, by code and place; its near miss is not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccops.core.errors import UsageError
from ccops.monitor.check import catalogue_of, check
from ccops.monitor.dashboards import dashboard_of, rendered
from ccops.monitor.grafana import substituted, variable_query
from ccops.monitor.located import JsonError, parse
from ccops.rules.project import rule_set
from tests.conftest import ROOT
from tests.unit.monitor.boards import board, checked, panel, project, target

Board = dict[str, Any]
Plant = Callable[[Board], object]


def _set(*path: str | int, to: object) -> Plant:
    def plant(one: Board) -> None:
        inside: Any = one
        for part in path[:-1]:
            inside = inside[part]
        inside[path[-1]] = to

    return plant


def _expr(text: str, legend: str = "") -> Plant:
    return _set("panels", 0, "targets", 1, to=target("B", text, legend))


def _drop(*path: str | int) -> Plant:
    def plant(one: Board) -> None:
        inside: Any = one
        for part in path[:-1]:
            inside = inside[part]
        del inside[path[-1]]

    return plant


STEP = ("panels", 0, "fieldConfig", "defaults", "thresholds", "steps", 1, "value")
LIMITS = ("panels", 0, "ccops", "limits")
OTHER = {"type": "prometheus", "uid": "P1809F7CD0C75ACF3"}
FAULTS: dict[str, tuple[str, Plant, Plant]] = {
    "an id of another Grafana": ("DASHBOARD_ID", _set("id", to=7), _set("id", to=None)),
    "no uid": ("DASHBOARD_UID", _set("uid", to=""), _set("uid", to="other")),
    "can be edited": ("DASHBOARD_EDITABLE", _set("editable", to=True), _set("editable", to=False)),
    "editable is not said": ("DASHBOARD_EDITABLE", _drop("editable"), _set("version", to=1)),
    "asks for inputs": ("DASHBOARD_INPUTS", _set("__inputs", to=[]), _set("inputs", to=[])),
    "a source nobody fills in": (
        "DASHBOARD_INPUTS",
        _set("description", to="${DS_PROMETHEUS}"),
        _set("description", to="DS_PROMETHEUS"),
    ),
    "another source of a panel": (
        "DASHBOARD_DATASOURCE",
        _set("panels", 0, "datasource", to=OTHER),
        _set("panels", 0, "datasource", to="prometheus"),
    ),
    "another source of a query": (
        "DASHBOARD_DATASOURCE",
        _set("panels", 0, "targets", 0, "datasource", to=OTHER),
        _drop("panels", 0, "targets", 0, "datasource"),
    ),
    "another source of a variable": (
        "DASHBOARD_DATASOURCE",
        _set("templating", "list", 0, "datasource", to=OTHER),
        _set("templating", "list", 0, "label", to="x"),
    ),
    "an id that is taken": ("PANEL_ID", _set("panels", 1, "id", to=1), _set("panels", 1, "id", to=3)),
    "no id": ("PANEL_ID", _drop("panels", 1, "id"), _set("panels", 1, "id", to=99)),
    "no title": ("PANEL_TITLE", _set("panels", 1, "title", to=""), _set("panels", 1, "title", to="x")),
    "no unit": (
        "PANEL_UNIT",
        _drop("panels", 0, "fieldConfig", "defaults", "unit"),
        _set("panels", 0, "fieldConfig", "defaults", "unit", to="ms"),
    ),
    "a unit that is none": (
        "PANEL_UNIT",
        _set("panels", 0, "fieldConfig", "defaults", "unit", to="miliseconds"),
        _set("panels", 0, "fieldConfig", "defaults", "unit", to="none"),
    ),
    "wider than the grid": (
        "PANEL_GRID",
        _set("panels", 1, "gridPos", "w", to=13),
        _set("panels", 1, "gridPos", "w", to=11),
    ),
    "on another panel": (
        "PANEL_GRID",
        _set("panels", 1, "gridPos", to={"x": 11, "y": 7, "w": 12, "h": 8}),
        _set("panels", 1, "gridPos", to={"x": 11, "y": 8, "w": 12, "h": 8}),
    ),
    "without a place": (
        "PANEL_GRID",
        _set("panels", 1, "gridPos", to={"x": 0, "w": 12}),
        _set("panels", 1, "gridPos", "h", to=1),
    ),
    "without a query": (
        "PANEL_NO_QUERY",
        _set("panels", 1, "targets", to=[]),
        _set("panels", 1, "type", to="stat"),
    ),
    "a query without refId": (
        "TARGET_REF_ID",
        _set("panels", 0, "targets", 1, "refId", to=""),
        _set("panels", 0, "targets", 1, "refId", to="Z"),
    ),
    "two queries of one refId": (
        "TARGET_REF_ID",
        _set("panels", 0, "targets", 1, "refId", to="A"),
        _set("panels", 0, "targets", 1, "refId", to="C"),
    ),
    "no PromQL": ("TARGET_PROMQL", _expr("sum(up"), _expr("sum(up)")),
    "an empty query": ("TARGET_PROMQL", _expr("  "), _expr("1")),
    "no PromQL in an annotation": (
        "TARGET_PROMQL",
        _set("annotations", "list", 0, "expr", to="ALERTS{"),
        _set("annotations", "list", 0, "expr", to="ALERTS{}"),
    ),
    "an unknown variable": (
        "TARGET_VARIABLE",
        _expr('rate(http_requests_total{handler="$hander"}[5m])'),
        _expr('rate(http_requests_total{handler="$handler"}[5m])'),
    ),
    "an unknown macro": (
        "TARGET_VARIABLE",
        _expr("avg_over_time(up[$__rang])"),
        _expr("avg_over_time(up[${__range}])"),
    ),
    "an unknown metric": (
        "TARGET_METRIC",
        _expr("sum(ws_active_conections)"),
        _expr("sum(ws_active_connections)"),
    ),
    "a histogram without its part": (
        "TARGET_METRIC",
        _expr("rate(realtime_event_lag_ms[5m])"),
        _expr("rate(realtime_event_lag_ms_count[5m])"),
    ),
    "everything there is": (
        "TARGET_METRIC",
        _expr('sum({job="clickhouse"})'),
        _expr('sum({__name__="up",job="clickhouse"})'),
    ),
    "an unknown metric of a variable": (
        "TARGET_METRIC",
        _set("templating", "list", 0, "query", to="label_values(http_request_total, handler)"),
        _set("templating", "list", 0, "query", to="label_values(job)"),
    ),
    "a label that the metric has not": (
        "TARGET_LABEL",
        _expr('ws_active_connections{flow="item"}'),
        _expr('ws_active_connections{instance="x"}'),
    ),
    "a value outside the closed set": (
        "TARGET_LABEL",
        _expr('rate(purchase_attempt_total{flow="gems"}[5m])'),
        _expr('rate(purchase_attempt_total{flow!="gems"}[5m])'),
    ),
    "a pattern that fits no value": (
        "TARGET_LABEL",
        _expr('rate(purchase_attempt_total{result=~"succ"}[5m])'),
        _expr('rate(purchase_attempt_total{result=~"succ.*|x"}[5m])'),
    ),
    "grouped by what is not there": (
        "TARGET_LABEL",
        _expr("sum by (handler) (ws_active_connections)"),
        _expr("sum by (job) (ws_active_connections)"),
    ),
    "a legend of what was aggregated away": (
        "TARGET_LEGEND",
        _expr("sum(ws_active_connections)", "{{instance}}"),
        _expr("ws_active_connections", "{{instance}}"),
    ),
    "a recording's label that it has not": (
        "TARGET_LABEL",
        _expr('slo:errors:ratio{status="500"}'),
        _expr('slo:errors:ratio{slo="api"}'),
    ),
    "a recording's value that no rule sets": (
        "TARGET_LABEL",
        _expr('slo:errors:ratio{slo="apis"}'),
        _expr('slo:errors:ratio{slo=~"api|x"}'),
    ),
    "a rate of a gauge": (
        "TARGET_RATE",
        _expr("rate(ws_active_connections[5m])"),
        _expr("delta(ws_active_connections[5m])"),
    ),
    "a delta of a counter": (
        "TARGET_RATE",
        _expr('delta(purchase_attempt_total{flow="item"}[5m])'),
        _expr('resets(purchase_attempt_total{flow="item"}[5m])'),
    ),
    "a line elsewhere than the alert's": ("PANEL_LIMIT", _set(*STEP, to=21), _set(*STEP, to=20.0)),
    "a line that is no number": ("PANEL_LIMIT", _set(*STEP, to="many"), _set(*STEP, to="20")),
    "a line that belongs to nothing": (
        "PANEL_LIMIT_FREE",
        _set(*LIMITS, to=[]),
        _set(*LIMITS, to=[{"reason": "why"}]),
    ),
    "a threshold that there is not": (
        "PANEL_LIMIT_UNKNOWN",
        _set(*LIMITS, to=[{"threshold": "ALERT_PENDING_SPIKE"}]),
        _set(*LIMITS, to=[{"threshold": "ALERT_PENDING_SPIKE_THRESHOLD"}]),
    ),
}  # fmt: skip


def test_the_good_dashboard_has_no_finding() -> None:
    found = checked(board())
    assert (found.marks, found.queries) == ((), 6)


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_at_its_line_and_its_near_miss_is_not(name: str) -> None:
    code, plant, near = FAULTS[name]
    bad: Board = board()
    plant(bad)
    found = checked(bad).marks
    assert [mark.code for mark in found] == [code]
    assert found[0].file == "0.json"
    lines = json.dumps(bad, indent=1).split("\n")
    assert 1 <= found[0].line <= len(lines)
    good: Board = board()
    near(good)
    assert checked(good).marks == ()


def test_the_line_is_that_of_the_query_or_panel() -> None:
    bad: Board = board()
    _expr("sum(up")(bad)
    line = checked(bad).marks[0].line
    lines = json.dumps(bad, indent=1).split("\n")
    assert '"refId": "B"' in lines[line]  # the line after the brace that opens the query


def test_two_dashboards_do_not_share_uid_or_title() -> None:
    other = {**copy.deepcopy(board()), "title": "other"}
    assert [mark.code for mark in checked(board(), other).marks] == ["DASHBOARD_UID"]
    assert checked(board(), {**other, "uid": "other"}).marks == ()


def test_panels_of_a_row_are_looked_at_in_a_grid_of_their_own() -> None:
    one: Board = board()
    row = {"id": 3, "type": "row", "title": "more", "gridPos": {"x": 0, "y": 8, "w": 24, "h": 1}}
    inner = panel(4, "inner", 0, target("A", "nothing_of_that_name"))
    one["panels"].append({**row, "panels": [inner]})
    assert [mark.code for mark in checked(one).marks] == ["TARGET_METRIC"]


@pytest.mark.parametrize("env", ["dev", "staging", "prod"])
def test_the_shipped_dashboards_are_clean_in_every_environment(env: str) -> None:
    from ccops.core.profile import Project, load_profile

    found = check(load_profile(env, Project(ROOT, ROOT / ".ccops"), {}))
    assert found.marks == ()
    assert {one.uid for one in found.dashboards} == {
        "ccops-overview", "ccops-auth", "ccops-shop", "ccops-realtime",
        "ccops-kafka", "ccops-olap", "ccops-slo", "ccops-alerts",
    }  # fmt: skip
    lag = [
        p for one in found.dashboards for p in one.panels if p.title == "Kafka Consumer Lag (by group/topic)"
    ]
    assert [target.expr for one in lag for target in one.targets] == [
        "sum(kafka_consumergroup_lag) by (consumergroup, topic)"
    ]


def test_the_success_rate_is_green_from_the_threshold_of_the_environment() -> None:
    from ccops.core.profile import Project, load_profile

    def green(env: str) -> object:
        rules = rule_set(load_profile(env, Project(ROOT, ROOT / ".ccops"), {}))
        shop = next(one for one in rendered(rules.profile, rules.resolved) if one.name == "shop.json")
        return dashboard_of(shop).panels[0].limits[0].value

    assert [green(env) for env in ("dev", "staging", "prod")] == [98, 99, 98]


@pytest.mark.parametrize(
    ("file", "old", "new", "code"),
    [
        ("shop.json.j2", "(shop_idempotent_replay", "(shop_idempotent_repaly", "TARGET_METRIC"),
        ("shop.json.j2", 'g.panel(6, "Repeated keys', 'g.panel(5, "Repeated keys', "PANEL_ID"),
        ("kafka.json.j2", "by (consumergroup, topic)", "by (consumergroup, topik)", "TARGET_LABEL"),
        ("realtime.json.j2", '"Event lag", [8, 0, 16, 8]', '"Event lag", [8, 0, 17, 8]', "PANEL_GRID"),
        ("slo.json.j2", '"{{slo}}"', '"{{slow}}"', "TARGET_LEGEND"),
    ],
)  # fmt: skip
def test_a_fault_in_a_template_is_found_at_the_panels_line(
    tmp_path: Path, file: str, old: str, new: str, code: str
) -> None:
    profile = project(tmp_path)
    template = tmp_path / "rules_templates" / "dashboards" / file
    text = template.read_text()
    assert text.count(old) == 1
    template.write_text(text.replace(old, new))
    found = [mark for mark in check(profile).marks if mark.code == code]
    call = text.rindex("<< g.panel(", 0, text.index(old) + len(old))
    assert {(mark.file, mark.line) for mark in found} == {
        (f"rules_templates/dashboards/{file}", text[:call].count("\n") + 1)
    }


def test_a_line_drawn_by_hand_is_found_when_the_environment_has_another_value(tmp_path: Path) -> None:
    profile = project(tmp_path)
    template = tmp_path / "rules_templates" / "dashboards" / "kafka.json.j2"
    template.write_text(template.read_text().replace('limits=["ALERT_KAFKA_LAG_MAX"]', 'limits=[[1000, ""]]'))
    assert [mark.code for mark in check(profile).marks] == ["PANEL_LIMIT_FREE"]


def test_a_threshold_that_is_misspelt_in_a_template_is_a_usage_error_with_its_line(tmp_path: Path) -> None:
    profile = project(tmp_path)
    template = tmp_path / "rules_templates" / "dashboards" / "kafka.json.j2"
    template.write_text(template.read_text().replace("ALERT_KAFKA_LAG_MAX", "ALERT_KAFKA_LAG"))
    with pytest.raises(UsageError) as caught:
        check(profile)
    assert caught.value.code == "TEMPLATE_INVALID"


def test_recordings_of_the_rules_are_known_with_their_labels() -> None:
    from ccops.core.profile import Project, load_profile

    known = catalogue_of(rule_set(load_profile("prod", Project(ROOT, ROOT / ".ccops"), {})))
    metric = known.get("slo:sli_error:ratio_rate5m")
    assert metric is not None
    assert metric.label_names() == frozenset({"slo"})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"a": 1, "a": 2}', 1),
        ('{\n"a": 1,\n}', 3),
        ("[1,\n2,\n]", 3),
        ('{"a" 1}', 1),
        ("{", 1),
        ('{"a": tru}', 1),
        ('{"a": 01}', 1),
        ("{}\n{}", 2),
        ('{"a": "x\ny"}', 1),
        ("[" * 200, 1),
    ],
)
def test_what_is_no_json_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(JsonError) as caught:
        parse(text)
    assert caught.value.line == line


def test_json_is_read_as_the_library_reads_it() -> None:
    text = json.dumps({"a": [1, 2.5, -3e2, None, True, {"b": 'x"\\u00e9\n'}], "": {}}, indent=1)
    found = parse(text)
    assert found.value == json.loads(text)
    assert found.line(("a", 5, "b")) == text[: text.index('"b"')].count("\n") + 1


def test_words_of_grafana_are_replaced() -> None:
    text = (
        "rate(x[$__rate_interval]) + y[${__range}] + $__interval_ms + $flow + ${flow:regex} + [[flow]] + $no"
    )
    assert substituted(text, {"flow": "item"}) == (
        "rate(x[5m]) + y[1h] + 60000 + item + item + item + $no",
        ("no",),
    )
    assert variable_query('label_values(a{b="c"}, flow)') == ('a{b="c"}', "flow")
    assert variable_query("label_values(flow)") == ("", "flow")
    assert variable_query("query_result(sum(a))") == ("sum(a)", "")
