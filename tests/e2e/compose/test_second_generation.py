"""The whole way with Compose v2 as the client, and the contract suites against the stack that it started."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import go_kit
from tests.e2e.compose.kit import OnDocker
from tests.suite_stack import run_suites

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(2400)]


@pytest.fixture
def second(docker: OnDocker, tmp_path: Path) -> OnDocker:
    """The same engine and images, in a home of its own, with v2 where the docker CLI looks for plug-ins."""
    go_kit.folder_with(tmp_path / "docker" / "cli-plugins", go_kit.COMPOSE)
    made = OnDocker(docker.engine, docker.names, tmp_path / "home")
    made.env["DOCKER_CONFIG"] = str(tmp_path / "docker")
    return made


def test_compose_v2_walks_the_whole_way(second: OnDocker) -> None:
    try:
        print(second.done("up", "--mode", "compose", "--wait-timeout", "300"))
        names = second.engine.docker("ps", "--format", "{{.Names}}").split()
        # 1.29 writes underscores: v2 really was the client.
        assert [name for name in names if re.fullmatch(r"ccops-dev-\w+-backend-1", name)], names
        second.journey()

        second.engine.docker("kill", second.of_service("worker"))
        assert second.rows()["worker"]["detail"] == "killed by SIGKILL"
        second.done("restart", "worker")
        second.done("up", "--scale", "backend=2", "--wait-timeout", "300")
        second.journey()
        # ClickHouse and Kafka in containers keep what the embedded ones promise.
        print(run_suites(second.home / "dev" / "stack.env", 600).strip().splitlines()[-1])
    finally:
        down = second.ccops("down", "--wipe", "--confirm", "dev", "--mode", "compose")
    assert down.code == 0, down.out + down.err
    assert second.containers() == []
    assert second.engine.docker("volume", "ls", "-q") == ""
