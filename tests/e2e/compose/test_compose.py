"""The stack on a real Docker engine, from nothing: up, journey, a killed container, restart, down.

Minutes, root, and Debian's mirrors: nightly only. Where no engine can start it is a skip that says why.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccops.core.profile import parse_env_file
from tests.conftest import ROOT, Ran, run_ccops
from tests.e2e.compose import images
from tests.e2e.compose.engine import Engine, NoEngine, running

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(2400)]


class OnDocker:
    """The command line, pointed at the engine and at its images."""

    def __init__(self, engine: Engine, names: dict[str, str], home: Path) -> None:
        self.engine, self.home = engine, home
        self._env = {**engine.env, **names, "CCOPS_HOME": str(home)}

    def ccops(self, *words: str) -> Ran:
        return run_ccops(*words, env=self._env, timeout=400)

    def rows(self) -> dict[str, dict[str, object]]:
        plain = json.loads(self.ccops("status", "-o", "json").out)
        return {row["name"]: row for row in plain["data"]["services"]}

    def containers(self) -> list[str]:
        return self.engine.docker("ps", "-aq").split()


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnDocker]:
    """A new engine with images that were built here."""
    try:
        with running() as engine:
            began = time.monotonic()
            names = images.build(engine)
            print(f"images built in {time.monotonic() - began:.0f} s")
            yield OnDocker(engine, names, tmp_path_factory.mktemp("home"))
    except NoEngine as err:
        pytest.skip(f"no Docker engine on this machine: {err}")


def _journey(docker: OnDocker) -> None:
    ran = docker.ccops("smoke", "journey")
    assert ran.code == 0, ran.out[-3000:] + ran.err
    print(ran.out.strip().splitlines()[-1])


def test_the_stack_on_docker_walks_loses_a_container_and_walks_again(docker: OnDocker) -> None:
    up = docker.ccops("up", "--mode", "compose", "--wait-timeout", "300")
    assert up.code == 0, up.out + up.err
    print(up.out)
    _journey(docker)

    secrets = parse_env_file(docker.home / "dev" / "secrets.env", "secrets.env")
    shown = docker.engine.docker("inspect", *docker.containers())
    assert not [key for key, value in secrets.items() if value.text.removeprefix("k1:") in shown]

    killed = docker.engine.docker("ps", "-q", "--filter", "label=com.docker.compose.service=worker")
    docker.engine.docker("kill", killed)
    assert docker.ccops("status").code == 1
    assert (docker.rows()["worker"]["state"], docker.rows()["worker"]["detail"]) == (
        "failed",
        "killed by SIGKILL",
    )
    restarted = docker.ccops("restart", "worker")
    assert restarted.code == 0, restarted.out + restarted.err
    _journey(docker)

    again = docker.ccops("up")
    assert "already up" in again.out, again.out + again.err
    other = docker.ccops("up", "--mode", "embedded")
    assert (other.code, "STACK_IN_OTHER_MODE" in other.err) == (3, True)
    down = docker.ccops("down", "--wipe", "--confirm", "dev")
    assert down.code == 0, down.out + down.err
    assert docker.containers() == []
    assert docker.engine.docker("volume", "ls", "-q") == ""
    assert docker.ccops("status", "--mode", "compose").code == 4


def test_an_image_that_is_nowhere_is_named(docker: OnDocker) -> None:
    env = {**docker._env, "CCOPS_IMAGE_REDIS": "ccops-standin/nowhere:1", "CCOPS_HOME": f"{docker.home}-2"}
    ran = run_ccops("up", "redis", "--mode", "compose", env=env, timeout=400)
    run_ccops("down", "--mode", "compose", env=env, timeout=400)

    assert ran.code == 4, ran.out
    assert "IMAGE_MISSING" in ran.err
    assert "ccops-standin/nowhere" in ran.err


def test_the_files_load_in_every_client_that_is_installed() -> None:
    tried = 0
    for client in (["docker-compose"], ["docker", "compose"]):
        if shutil.which(client[0]) is None:
            continue
        if subprocess.run([*client, "version"], capture_output=True, check=False).returncode:
            continue
        tried += 1
        for files in ((), ("-f", "compose/ports.yml")):
            for profile in ("dev", "tools", "prod"):
                words = [*client, "-f", "docker-compose.yml", *files, "--profile", profile, "config"]
                done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stderr
                assert done.stderr == ""
    if not tried:
        pytest.skip("no compose client: apt-get install docker-compose")
