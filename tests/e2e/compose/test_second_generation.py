"""The whole way with Compose v2 as the client, and the contract suites against the stack that it started."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import go_kit
from tests.conftest import ROOT
from tests.e2e.compose.kit import OnDocker
from tests.suite_stack import VARIABLE

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(2400)]
SUITES = ("tests/integration/clickhouse_front", "tests/integration/kafka_conformance")


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
        _suites(second)
    finally:
        down = second.ccops("down", "--wipe", "--confirm", "dev", "--mode", "compose")
    assert down.code == 0, down.out + down.err
    assert second.containers() == []
    assert second.engine.docker("volume", "ls", "-q") == ""


def _suites(docker: OnDocker) -> None:
    """ClickHouse and Kafka in containers keep what the embedded ones promise."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("CCOPS_")}
    env[VARIABLE] = str(docker.home / "dev" / "stack.env")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SUITES],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    print(done.stdout.strip().splitlines()[-1])
