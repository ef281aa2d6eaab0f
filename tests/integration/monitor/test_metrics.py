"""`ccops metrics verify` against running processes, the switched socket included."""

import json
import os
import signal
import subprocess
import sys
import time

from ccops.monitor.legacyws import FLAG, SCRIPT, touch
from ccops.stack import engine
from tests.conftest import ROOT, Stack


def test_every_metric_of_the_contract_is_exported_from_the_start(stack: Stack) -> None:
    ran = stack.ccops("metrics", "verify", "--profile", "core", "-o", "json")
    found = json.loads(ran.out)
    assert (ran.code, found["issues"]) == (0, [])
    assert len(found["data"]["metrics"]) > 40
    assert set(found["data"]["endpoints"]) == {"backend", "worker"}


def test_a_refused_knock_is_counted_and_the_other_way_is_said(stack: Stack) -> None:
    rejected = stack.ccops("metrics", "verify", "--profile", "legacy-ws-rejected", "-o", "json")
    assert rejected.code == 0, rejected.out
    accepted = stack.ccops(
        "metrics", "verify", "--profile", "legacy-ws-accepted", "--within", "0", "-o", "json"
    )
    codes = [issue["code"] for issue in json.loads(accepted.out)["issues"]]
    assert (accepted.code, codes) == (1, ["METRIC_DELTA", "METRIC_DELTA", "LEGACY_WS_OTHER_WAY"])


def test_the_switched_socket_is_counted_as_accepted_and_switched_back(stack: Stack) -> None:
    ran = stack.ccops("metrics", "verify", "--profile", "legacy-ws-accepted", "--restart", "-o", "json")
    assert ran.code == 0, ran.out + ran.err
    assert [one["holds"] for one in json.loads(ran.out)["data"]["deltas"]] == [True, True, True]
    assert _is_as_before(stack)


def test_two_interrupts_in_the_middle_put_the_flag_back_all_the_same(stack: Stack) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "ccops", "metrics", "verify", "--profile", "legacy-ws-accepted", "--restart"],
        env={**os.environ, **stack.env},
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        assert child.stderr is not None
        assert f"{FLAG}=1" in child.stderr.readline()
        os.killpg(child.pid, signal.SIGINT)
        assert "as it was (rejected)" in child.stderr.readline()
        time.sleep(0.1)
        os.killpg(child.pid, signal.SIGINT)
        assert child.wait(60) == 130
    assert _is_as_before(stack)


def test_growth_during_a_command_is_judged_and_its_exit_code_is_kept(stack: Stack) -> None:
    knock = f"{sys.executable} -m {SCRIPT} --host {stack.url('CCOPS_BACKEND_URL')} --once"
    wanted = 'ws_legacy_games_connections_by_result_total{result="rejected"} == 1'
    call = ("metrics", "verify", "--delta", wanted, "--within", "1", "-o", "json", "--during")
    assert stack.ccops(*call, knock).code == 0
    failed = stack.ccops(*call, f"{sys.executable} -c 'raise SystemExit(3)'")
    codes = [issue["code"] for issue in json.loads(failed.out)["issues"]]
    assert (failed.code, codes) == (3, ["METRIC_DELTA", "METRICS_COMMAND_FAILED"])


def test_growth_is_seen_across_a_restart_of_the_process(stack: Stack) -> None:
    url = stack.url("CCOPS_BACKEND_URL")
    script = (
        "import subprocess, sys, time\n"
        f"knock = [sys.executable, '-m', '{SCRIPT}', '--host', '{url}', '--once']\n"
        "restart = [sys.executable, '-m', 'ccops', 'restart', 'backend']\n"
        "subprocess.run(knock, check=True); time.sleep(1)\n"
        "subprocess.run(restart, check=True); subprocess.run(knock, check=True)\n"
    )
    ran = stack.ccops(
        "metrics", "verify", "--delta", "ws_legacy_games_connections_total == 2", "--during",
        f'{sys.executable} -c "{script}"', "-o", "json",
    )  # fmt: skip
    assert ran.code == 0, ran.out + ran.err
    assert json.loads(ran.out)["data"]["restarts_seen"] >= 1


def _is_as_before(stack: Stack) -> bool:
    state = engine.state(stack.profile())
    assert state is not None
    return not state.services["backend"].overrides and touch(stack.url("CCOPS_BACKEND_URL")) == "rejected"
