"""The stack on a real Docker engine, from nothing: up, journey, a killed container, two backends, down.

Minutes, root, and Debian's mirrors: nightly only. Where no engine can start it is a skip that says why.
"""

from __future__ import annotations

import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.conftest import ROOT, run_ccops
from tests.e2e.compose.kit import OnDocker, meets

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(2400)]


def test_the_stack_on_docker_walks_loses_a_container_and_walks_again(docker: OnDocker) -> None:
    print(docker.done("up", "--mode", "compose", "--wait-timeout", "300"))
    docker.journey()

    shown = docker.engine.docker("inspect", *docker.containers())
    assert not [text for text in docker.secrets() if text in shown]

    docker.engine.docker("kill", docker.of_service("worker"))
    assert docker.ccops("status").code == 1
    assert (docker.rows()["worker"]["state"], docker.rows()["worker"]["detail"]) == (
        "failed",
        "killed by SIGKILL",
    )
    docker.done("restart", "worker")
    docker.journey()

    assert "already up" in docker.done("up")
    other = docker.ccops("up", "--mode", "embedded")
    assert (other.code, "STACK_IN_OTHER_MODE" in other.err) == (3, True)


def test_two_backends_tell_each_others_screens_and_one_that_is_killed_comes_back(docker: OnDocker) -> None:
    print(docker.done("up", "--mode", "compose", "--scale", "backend=2", "--wait-timeout", "300"))
    first, second = docker.stack_env()["CCOPS_BACKEND_URLS"].split(",")
    assert docker.stack_env()["CCOPS_BACKEND_URL"] == first
    published = {f"http://{docker.rows()[name]['address']}" for name in ("backend-1", "backend-2")}
    assert published == {first, second}

    docker.journey()
    assert meets(first, second)
    assert meets(second, first)

    docker.engine.docker("kill", docker.of_service("backend", 2))
    assert docker.rows()["backend-2"]["detail"] == "killed by SIGKILL"
    assert docker.rows()["backend-1"]["state"] == "ready"
    docker.done("restart", "backend")
    assert {f"http://{docker.rows()[name]['address']}" for name in ("backend-1", "backend-2")} == published
    docker.journey()


def test_a_build_that_took_the_same_tag_is_what_runs_after_the_next_up(
    docker: OnDocker, tmp_path: Path
) -> None:
    docker.done("up", "--mode", "compose", "--wait-timeout", "300")
    before, name = docker.of_service("kafka-exporter"), docker.names["CCOPS_IMAGE_KAFKA_EXPORTER"]
    redis = docker.of_service("redis")
    (tmp_path / "Dockerfile").write_text(f"FROM {name}\nLABEL build={tmp_path.name}-{uuid.uuid4().hex}\n")
    docker.engine.docker("build", "-q", "-t", name, str(tmp_path))

    docker.done("up", "--mode", "compose", "--wait-timeout", "300")

    assert docker.of_service("kafka-exporter") != before
    assert docker.of_service("redis") == redis
    assert "already up" in docker.done("up")


def test_down_leaves_nothing(docker: OnDocker) -> None:
    docker.done("up", "--mode", "compose", "--wait-timeout", "300")
    docker.done("down", "--wipe", "--confirm", "dev")

    assert docker.containers() == []
    assert docker.engine.docker("volume", "ls", "-q") == ""
    assert docker.ccops("status", "--mode", "compose").code == 4


def test_an_image_that_is_nowhere_is_named(docker: OnDocker) -> None:
    env = {**docker.env, "CCOPS_IMAGE_REDIS": "ccops-standin/nowhere:1", "CCOPS_HOME": f"{docker.home}-2"}
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
