"""`ccops rules apply` on the whole stack: `up` has loaded the rules, a threshold is changed and put back."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Stack, run_ccops

SET = ("--set", "ALERT_PENDING_SPIKE_THRESHOLD=7")


@pytest.mark.stack
def test_up_has_loaded_the_profiles_rules_and_a_threshold_is_changed_and_put_back(stack: Stack) -> None:
    assert "the server has exactly these: nothing to do" in stack.ccops("rules", "apply").out

    shown = stack.ccops("rules", "apply", *SET)
    assert shown.code == 0 and "nothing changed; --apply does it" in shown.out
    assert "~ purchase-health/PurchasePendingSpike" in shown.out and "> 7" in shown.out

    try:
        done = stack.ccops("rules", "apply", *SET, "--apply", "--reason", "a test", "-o", "json")
        data = json.loads(done.out)["data"]
        assert (done.code, data["changed"], data["files"]["changed"]) == (0, True, ["purchase-health.yml"])
        (change,) = data["changes"]
        assert change["rule"] == "PurchasePendingSpike"
        assert set(change["fields"]) == {"query", "annotation summary"}
    finally:
        back = stack.ccops("rules", "apply", "--apply")
    assert back.code == 0 and "loaded, compared and evaluated" in back.out, back.err


@pytest.mark.stack
def test_a_server_that_is_down_is_exit_4_and_nothing_is_written(stack: Stack) -> None:
    folder = stack.profile().state_dir / "conf" / "rules"
    before = {path.name: path.read_bytes() for path in folder.glob("*.yml")}

    env = stack.env | {"CCOPS_PROMETHEUS_URL": "http://127.0.0.1:9"}
    done = run_ccops("rules", "apply", *SET, "--apply", env=env)

    assert done.code == 4 and "PROMETHEUS_UNREACHABLE" in done.err
    assert {path.name: path.read_bytes() for path in folder.glob("*.yml")} == before
