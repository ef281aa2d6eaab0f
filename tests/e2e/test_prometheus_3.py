"""The whole chain of rules on Prometheus 3: checked, unit-tested, loaded, compared, fired and resolved.

Debian has older ones; these are built from a Go module, or named by CCOPS_PROMETHEUS_3 and CCOPS_PROMTOOL_3.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping

import httpx
import pytest

from tests import go_kit
from tests.conftest import Stack, run_ccops

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """A PATH whose prometheus and promtool are of the third generation."""
    folder = go_kit.folder_with(tmp_path_factory.mktemp("bin"), go_kit.PROMTOOL, go_kit.PROMETHEUS)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def newest(tools: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack with that Prometheus."""
    made = Stack(tmp_path_factory.mktemp("newest"))
    up = run_ccops("up", env={**made.env, **tools})
    try:
        assert up.code == 0, up.out + up.err
        yield made
    finally:
        made.ccops("down")


@pytest.mark.parametrize("target", ["2.42", "3.x"])
def test_the_shipped_rules_pass_both_layers_for_every_environment(
    tools: Mapping[str, str], target: str
) -> None:
    ran = run_ccops(
        "rules", "check", "--all-envs", "--target", target, "--promtool", "require", "-o", "json", env=tools
    )

    assert ran.code == 0, ran.out + ran.err
    assert json.loads(ran.out)["data"]["promtool"] == go_kit.PROMETHEUS_3


def test_every_alert_fires_beyond_its_threshold_and_not_at_it(tools: Mapping[str, str]) -> None:
    ran = run_ccops("rules", "test", "--env", "all", "-o", "json", env=tools, timeout=360)

    assert ran.code == 0, ran.err
    tests = json.loads(ran.out)["data"]["tests"]
    assert {one["env"] for one in tests} == {"dev", "staging", "prod"}
    assert len(tests) > 250


def test_rules_are_loaded_changed_and_put_back(newest: Stack) -> None:
    info = httpx.get(newest.url("CCOPS_PROMETHEUS_URL") + "/api/v1/status/buildinfo").json()
    assert info["data"]["version"] == go_kit.PROMETHEUS_3
    assert "the server has exactly these: nothing to do" in newest.ccops("rules", "apply").out

    change = ("--set", "ALERT_PENDING_SPIKE_THRESHOLD=7", "--apply", "--reason", "a test")
    done = newest.ccops("rules", "apply", *change)
    back = newest.ccops("rules", "apply", "--apply")

    assert (done.code, back.code) == (0, 0), done.err + back.err
    assert "loaded, compared and evaluated" in back.out


def test_every_panel_and_metric_answers(newest: Stack) -> None:
    walked = newest.ccops("smoke", "journey", timeout=150)
    assert walked.code == 0, walked.out[-3000:] + walked.err

    ran = newest.ccops("monitor", "verify")
    assert ran.code == 0, ran.out[-3000:] + ran.err


def test_an_alert_fires_and_resolves(newest: Stack) -> None:
    ran = newest.ccops("smoke", "run", "alert-fires", timeout=170)
    assert ran.code == 0, ran.out[-4000:] + ran.err
