"""Dashboards, status and objectives against a running Prometheus that has seen some traffic."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, Stack, running_stack

# Recorded every SLO_INTERVAL only, by two groups at moments of their own: four objectives, seven windows.
_SLOWEST, _SERIES = '{__name__=~"slo:sli_error:ratio_rate.+"}', 4 * 7


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own after traffic that Prometheus has scraped; of the shared one, others kill parts."""
    with running_stack(tmp_path_factory.mktemp("busy")) as stack:
        assert stack.ccops("smoke", "run", "buy-retry").code == 0
        httpx.get(stack.url("CCOPS_BACKEND_URL") + "/api/users/me", trust_env=False)
        until = time.monotonic() + 40
        while not _recorded(stack) and time.monotonic() < until:
            time.sleep(0.5)
        yield stack


def _recorded(stack: Stack) -> bool:
    url = stack.url("CCOPS_PROMETHEUS_URL") + "/api/v1/query"
    answer = httpx.get(url, params={"query": _SLOWEST}, trust_env=False)
    return len(answer.json()["data"]["result"]) == _SERIES


def test_every_panel_answers_every_target_is_up_and_every_group_is_loaded(busy: Stack) -> None:
    ran = busy.ccops("monitor", "verify", "-o", "json")
    found = json.loads(ran.out)["data"]
    assert ran.code == 0, found["findings"]
    assert len(found["panels"]) > 60
    assert {one["answer"] for one in found["panels"]} <= {"ok", "no traffic", "empty (declared)"}
    assert {one["health"] for one in found["targets"]} == {"up"}
    assert set(found["groups"]["wanted"]) <= set(found["groups"]["loaded"])


@pytest.mark.parametrize(
    ("more", "code", "word"), [("", 1, "empty"), (', empty_ok="no such route"', 0, "empty (declared)")]
)
def test_an_empty_panel_is_a_finding_unless_it_says_why(
    busy: Stack, tmp_path: Path, more: str, code: int, word: str
) -> None:
    for name in ("rules_templates", "env", "scenarios"):
        shutil.copytree(ROOT / name, tmp_path / name)
    template = tmp_path / "rules_templates" / "dashboards" / "alerts.json.j2"
    text = template.read_text()
    planted = f"""<< g.panel(99, "planted", [0, 90, 8, 8], "short",
           [['http_requests_total{{handler="/none"}}', ""]]{more}) >>,
<< g.panel(1,"""
    template.write_text(text.replace("<< g.panel(1,", planted))
    ran = busy.ccops("monitor", "verify", "--project", str(tmp_path), "-o", "json")
    found = json.loads(ran.out)
    assert ran.code == code, found["issues"]
    assert [one["answer"] for one in found["data"]["panels"] if one["panel"] == "planted"] == [word]
    line = text[: text.index("<< g.panel(1,")].count("\n") + 1
    wheres = [issue["where"] for issue in found["issues"]]
    wanted = [f"rules_templates/dashboards/alerts.json.j2:{line}"] if code else []
    assert wheres == wanted, found["issues"]


def test_status_shows_targets_and_how_long_a_silence_lasts(busy: Stack) -> None:
    silence = ("KafkaHighConsumerLag", "--match", "consumergroup=cc.test.status.dev", "--as", "status-test")
    made = busy.ccops("alerts", "silence", *silence, "--for", "10m", "--reason", "test")
    assert made.code == 0, made.err
    try:
        ran = busy.ccops("monitor", "status", "-o", "json")
        found = json.loads(ran.out)["data"]
    finally:
        assert busy.ccops("alerts", "unsilence", *silence).code == 0
    own = [one for one in found["silences"] if one["matchers"].get("consumergroup") == "cc.test.status.dev"]
    assert [one["owner"] for one in own] == ["ccops/status-test"]
    assert 500 < own[0]["left_s"] <= 600
    assert {one["job"] for one in found["targets"]} >= {"cc-webapp-backend", "clickhouse", "kafka-exporter"}
    loud = [one for one in found["alerts"] if one["state"] == "firing" and one["silenced_by"] is None]
    assert ran.code == (1 if loud else 0)


def _report(stack: Stack, *more: str) -> tuple[int, dict[str, dict[str, object]]]:
    ran = stack.ccops("slo", "report", "-o", "json", *more)
    return ran.code, {one["name"]: one for one in json.loads(ran.out)["data"]["objectives"]}


def test_objectives_rest_on_whole_counts(busy: Stack) -> None:
    _, before = _report(busy)
    with httpx.Client(base_url=busy.url("CCOPS_BACKEND_URL"), trust_env=False) as client:
        for _ in range(30):
            assert client.get("/api/users/me").status_code == 401
    time.sleep(2.5)
    _, after = _report(busy)
    for name in ("availability", "read_p95"):
        assert int(str(after[name]["samples"])) - int(str(before[name]["samples"])) == 30
    assert (after["availability"]["verdict"], after["availability"]["value"]) == ("PASS", 100.0)
    assert after["negative_balances"]["verdict"] == "PASS"
    assert "postgres" in str(after["negative_balances"]["source"])
    assert after["idempotency"]["verdict"] != "FAIL"


def test_a_threshold_that_is_missed_fails_and_too_few_samples_are_never_green(busy: Stack) -> None:
    code, found = _report(busy, "--set", "ALERT_API_WRITE_P95_MS=5", "--set", "SLO_MIN_REQUESTS=1")
    assert (code, found["write_p95"]["verdict"]) == (1, "FAIL")
    code, found = _report(busy, "--set", "SLO_MIN_REQUESTS=1000000")
    assert (code, found["availability"]["verdict"]) == (0, "INCONCLUSIVE")
    assert _report(busy, "--set", "SLO_MIN_REQUESTS=1000000", "--strict")[0] == 1


def test_no_prometheus_is_unreachable(busy: Stack) -> None:
    assert busy.ccops("monitor", "verify", "--url", "http://127.0.0.1:9").code == 4
    assert busy.ccops("monitor", "verify", "--url", busy.url("CCOPS_BACKEND_URL")).code == 4
