"""The exported file on a real swarm of one node: deploy, journey from inside its network, rm, leave.

The port is not published: without IPVS a kernel has no routing mesh, and two tasks can't share a node's port.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.compose.kit import STACK, OnDocker, swarm, until

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(2400)]


def _targets(text: str) -> dict[str, list[str]]:
    """Return the health of the targets by service."""
    found: dict[str, list[str]] = {}
    for one in json.loads(text)["data"]["activeTargets"]:
        found.setdefault(one["labels"]["service"], []).append(one["health"])
    return found


def test_the_exported_file_walks_on_a_swarm_and_leaves_nothing(docker: OnDocker, tmp_path: Path) -> None:
    file = tmp_path / "stack.yml"
    words = ("--replicas", "backend=2", "--profile", "dev", "--publish", "none", "--out", str(file))
    print(docker.done("stack", "export", "--swarm", *words))
    with swarm(docker) as there:
        there.deploy(file)
        until(there.settled, 300, there.said)

        said = there.inside("ccops", "smoke", "journey").splitlines()[-1]
        print(said)
        assert "0 failed · 0 not evaluated" in said
        assert "NOT OK" not in said
        ask = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())"
        answer = there.inside("python", "-c", ask, "http://prometheus:9090/api/v1/targets?state=active")
        assert _targets(answer)["backend"] == ["up", "up"]
        assert _targets(answer)["worker"] == ["up"]
        shown = docker.engine.docker("inspect", *docker.engine.docker("ps", "-q").split())
        shown += docker.engine.docker("service", "inspect", *_services(docker))
        assert not [text for text in docker.secrets() if text in shown]
    assert docker.engine.docker("volume", "ls", "-q") == ""


def _services(docker: OnDocker) -> list[str]:
    return docker.engine.docker("service", "ls", "-q", "--filter", f"name={STACK}").split()
