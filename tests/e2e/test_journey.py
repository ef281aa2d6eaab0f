"""The main job, as a person runs it: six green parts, evidence that others can look up, faults that show."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clickhouse_connect
import httpx
import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.conftest import ROOT, Stack

SYSTEMS = {"http", "ws", "sql", "redis", "kafka", "clickhouse", "prom"}


@pytest.fixture(scope="module")
def walked(stack: Stack) -> dict[str, Any]:
    """One green walk, in its machine form."""
    ran = stack.ccops("smoke", "journey", "-o", "json")
    assert ran.code == 0, ran.out[-3000:] + ran.err
    run: dict[str, Any] = json.loads(ran.out)["data"]["runs"][0]
    return run


def _evidence(run: dict[str, Any], system: str, starts: str = "") -> dict[str, Any]:
    for part in run["parts"]:
        for one in part["systems"].get(system, ()):
            if one["verdict"] == "passed" and one["evidence"].startswith(starts):
                return dict(one)
    raise AssertionError(f"no evidence of {system} that starts with {starts!r}")


def test_all_six_parts_are_green_and_every_planned_system_was_looked_at(walked: dict[str, Any]) -> None:
    assert [part["part"] for part in walked["parts"]] == [1, 2, 3, 4, 5, 6]
    assert {part["verdict"] for part in walked["parts"]} == {"passed"}
    for part in walked["parts"]:
        assert set(part["systems"]) == SYSTEMS, part["part"]
    assert (walked["failed"], walked["not_evaluated"]) == (0, 0)


def test_every_assertion_says_what_it_saw_and_where_to_look_it_up(walked: dict[str, Any]) -> None:
    assertions = [one for part in walked["parts"] for many in part["systems"].values() for one in many]
    assert len(assertions) > 100
    absent = [one for one in assertions if one["wanted"].startswith("never")]
    for one in assertions:
        assert one["observed"]
        assert len(one["trace_id"]) == 32
        assert one["evidence"] or one in absent, one


def test_a_ledger_row_named_as_evidence_is_really_there(stack: Stack, walked: dict[str, Any]) -> None:
    one = _evidence(walked, "sql", "gold_ledger:id=")
    number = int(one["evidence"].split("=")[1].split(",")[0])
    with psycopg.connect(stack.url("CCOPS_DATABASE_URL")) as conn:
        row = conn.execute("SELECT trace_id FROM gold_ledger WHERE id = %s", (number,)).fetchone()
    assert row == (one["trace_id"],)


def test_a_record_named_as_evidence_is_really_there(stack: Stack, walked: dict[str, Any]) -> None:
    one = _evidence(walked, "kafka", "cc.")
    topic, partition, offset = one["evidence"].split(",")[0].rsplit(":", 2)
    consumer = Consumer({"bootstrap.servers": stack.url("CCOPS_KAFKA_BOOTSTRAP"), "group.id": "unused"})
    try:
        consumer.assign([TopicPartition(topic, int(partition), int(offset))])
        record = consumer.poll(10)
        assert record is not None
        assert record.error() is None
        assert dict(record.headers() or [])["trace_id"].decode() == one["trace_id"]
    finally:
        consumer.close()


def test_a_row_named_as_evidence_is_really_in_clickhouse(stack: Stack, walked: dict[str, Any]) -> None:
    one = _evidence(walked, "clickhouse", "ledger:event_id=")
    event = one["evidence"].split("=")[1].split(",")[0]
    client = clickhouse_connect.get_client(dsn=stack.url("CCOPS_CLICKHOUSE_URL"))
    try:
        rows = client.query(
            "SELECT trace_id FROM ledger FINAL WHERE event_id = {id:UUID}", parameters={"id": event}
        ).result_rows
    finally:
        client.close()
    assert rows == [(one["trace_id"],)]


def test_the_report_says_whether_prometheus_was_asked(stack: Stack, walked: dict[str, Any]) -> None:
    asked = {one["evidence"].split(":")[0] for part in walked["parts"] for one in part["systems"]["prom"]}
    assert asked == ({"prometheus"} if stack.url("CCOPS_PROMETHEUS_URL") else {"backend+worker /metrics"})


def test_a_part_ends_with_a_trace_command_that_shows_its_path(stack: Stack, walked: dict[str, Any]) -> None:
    ran = stack.ccops("smoke", "trace", walked["parts"][1]["trace_id"])
    assert ran.code == 0, ran.out + ran.err
    assert all(word in ran.out for word in ("outbox", "kafka", "clickhouse", "redis", "streak_update"))


def test_no_secret_is_in_the_report(stack: Stack) -> None:
    ran = stack.ccops("smoke", "run", "smoke-6bis", "-o", "json")
    assert ran.code == 0, ran.err
    passwords = [
        line.partition("=")[2]
        for line in (stack.home / "dev" / "secrets.env").read_text().splitlines()
        if "=" in line and len(line.partition("=")[2]) > 8
    ]
    assert passwords
    assert not [secret for secret in passwords if secret in ran.out + ran.err]
    assert "eyJ" not in ran.out  # no access token either


def test_an_edge_scenario_reports_junit_and_ndjson(stack: Stack, tmp_path: Path) -> None:
    junit, ndjson = tmp_path / "out.xml", tmp_path / "out.ndjson"
    reports = ("--report", f"junit={junit}", "--report", f"ndjson={ndjson}")
    ran = stack.ccops("smoke", "run", "bad-invite", *reports)
    assert ran.code == 0, ran.out + ran.err
    suites = ET.fromstring(junit.read_text())
    assert int(suites.get("failures", "0")) == 0
    assert len(list(suites.iter("testcase"))) >= 3
    assert all(json.loads(line) for line in ndjson.read_text().splitlines())


def test_ctrl_c_ends_with_130_and_a_well_formed_junit(stack: Stack, tmp_path: Path) -> None:
    junit = tmp_path / "out.xml"
    process = subprocess.Popen(
        [sys.executable, "-m", "ccops", "smoke", "journey", "--report", f"junit={junit}"],
        cwd=ROOT,
        env=os.environ | stack.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    began = ""
    # Into the run: what a signal does to its first moments is another test's.
    while "login" not in began:
        line = process.stdout.readline()
        assert line, began
        began += line
    process.send_signal(signal.SIGINT)
    with process.stdout as out:
        rest = out.read()
    assert process.wait(timeout=30) == 130, began + rest
    ET.fromstring(junit.read_text())
    assert "Traceback" not in began + rest


@pytest.fixture
def away(stack: Stack) -> Iterator[None]:
    """The clickhouse front is stopped for the test."""
    assert stack.ccops("down", "clickhouse").code == 0
    yield
    assert stack.ccops("up").code == 0


@pytest.mark.fault
@pytest.mark.usefixtures("away")
def test_a_system_that_can_not_be_looked_at_is_never_green(stack: Stack) -> None:
    ran = stack.ccops("smoke", "journey")
    assert ran.code == 4, ran.out + ran.err
    assert "ccops up" in ran.out + ran.err


def test_without_a_stack_the_next_step_is_named(tmp_path: Path, stack: Stack) -> None:
    from tests.conftest import run_ccops

    ran = run_ccops("smoke", "journey", env={"CCOPS_HOME": str(tmp_path)})
    assert ran.code == 4
    assert "ccops up" in ran.err
    assert "Traceback" not in ran.err + ran.out


def test_an_alert_fires_and_resolves(stack: Stack) -> None:
    # By itself, and first: failed purchases of other scenarios would ring the same alert.
    ran = stack.ccops("smoke", "run", "alert-fires", timeout=150)
    assert ran.code == 0, ran.out[-4000:] + ran.err


def test_every_edge_scenario_of_the_project_is_green(stack: Stack) -> None:
    # Those that take a service away for longer run on a stack of their own: test_outages.py.
    ours = [
        path for path in (ROOT / "scenarios").glob("*.yaml") if ", outage]" not in path.read_text("utf-8")
    ]
    names = sorted(path.stem for path in ours if path.stem not in {"journey", "alert-fires"})
    ran = stack.ccops("smoke", "run", *names, "--parallel", "3", timeout=150)
    bad = [line for line in ran.out.splitlines() if "✗" in line or line.startswith("FAIL")]
    assert ran.code == 0, "\n".join([*bad, ran.out[-2000:], ran.err])


def test_metrics_start_at_zero_for_every_closed_label(stack: Stack) -> None:
    text = httpx.get(stack.url("CCOPS_WORKER_URL") + "/metrics").text
    assert 'worker_role_failures_total{role="crash"} 0.0' in text
    assert 'streak_claim_total{result="granted"}' in text
