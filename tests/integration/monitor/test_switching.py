"""`ccops metrics verify --restart` killed where it can put nothing back: the next calls find it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from ccops.monitor.legacyws import touch
from ccops.monitor.switching import FLAG
from ccops.stack import engine
from tests.conftest import ROOT, Stack


def test_a_killed_run_is_said_by_status_and_up_and_put_back_by_the_next_one(stack: Stack) -> None:
    _kill_while_switched(stack)
    status = stack.ccops("status", "-o", "json")
    command = json.loads(status.out)["data"]["legacy_ws_left"]
    assert (status.code, command) == (1, "ccops restart backend --env dev")
    assert command in stack.ccops("up").out
    looked = stack.ccops("metrics", "verify", "--profile", "legacy-ws-accepted", "-o", "json")
    codes = [issue["code"] for issue in json.loads(looked.out)["issues"]]
    assert (looked.code, codes) == (1, ["LEGACY_WS_LEFT_SWITCHED"])
    again = stack.ccops("metrics", "verify", "--profile", "legacy-ws-rejected", "--restart")
    assert again.code == 0, again.out + again.err
    assert "cut off" in again.err
    assert _is_as_before(stack)


def _kill_while_switched(stack: Stack) -> None:
    """Kill a run as soon as the command inside it says that the flag is set."""
    inside = f"{sys.executable} -c \"import time; print('inside', flush=True); time.sleep(60)\""
    call = ("metrics", "verify", "--profile", "legacy-ws-accepted", "--restart", "--during", inside)
    with subprocess.Popen(
        [sys.executable, "-m", "ccops", *call],
        env={**os.environ, **stack.env},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        assert child.stderr is not None
        said = ""
        while "inside" not in said:
            line = child.stderr.readline()
            assert line, said
            said += line
        os.killpg(child.pid, 9)
        assert child.wait(10) == -9
    assert f"{FLAG}=1" in said


def _is_as_before(stack: Stack) -> bool:
    state = engine.state(stack.profile())
    assert state is not None
    return not state.services["backend"].overrides and touch(stack.url("CCOPS_BACKEND_URL")) == "rejected"
