"""The compose client is found in both generations; what goes wrong has a name and a next step."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccops.clients import docker
from ccops.core.errors import CcopsError, Refused, Unreachable
from ccops.stack.compose import client
from tests.conftest import run_ccops


def _program(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("programs", "argv", "version"),
    [
        ({"docker": "echo 2.30.1", "docker-compose": "echo 1.29.2"}, ("docker", "compose"), "2.30.1"),
        ({"docker": "exit 1", "docker-compose": "echo 1.29.2"}, ("docker-compose",), "1.29.2"),
        ({"docker-compose": "echo 1.29.2"}, ("docker-compose",), "1.29.2"),
    ],
)
def test_the_second_generation_is_taken_before_the_first(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    programs: dict[str, str],
    argv: tuple[str, ...],
    version: str,
) -> None:
    for name, body in programs.items():
        _program(tmp_path, name, body)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert client.find() == client.ComposeClient(argv, version)


def test_without_a_client_both_are_named_with_what_they_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(tmp_path, "docker", "echo \"docker: 'compose' is not a docker command.\" >&2; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(Refused) as caught:
        client.find()

    assert caught.value.code == "COMPOSE_CLIENT_MISSING"
    assert "'compose' is not a docker command" in caught.value.evidence
    assert "docker-compose is not on PATH" in caught.value.evidence


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("driver failed: Bind for 127.0.0.1:5432 failed: port is already allocated", "PORT_TAKEN"),
        ("listen tcp4 127.0.0.1:5432: bind: address already in use", "PORT_TAKEN"),
        ("pull access denied for ccops, repository does not exist", "IMAGE_MISSING"),
        ("Get https://registry/v2/: dial tcp: lookup registry: no such host", "IMAGE_MISSING"),
        ("something else", "COMPOSE_FAILED"),
    ],
)
def test_what_the_client_says_at_its_end_becomes_an_error(tmp_path: Path, said: str, code: str) -> None:
    log = tmp_path / "log"
    log.write_text(f"{'line' * 3}\n" * 40 + said + "\n", encoding="utf-8")

    error = client.failure(log, "exit 1")

    assert error.code == code
    assert said in error.evidence
    assert len(error.evidence.splitlines()) == 16
    assert error.next_step


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (" redis Error Get registry: timed out", "IMAGE_MISSING"),
        (" ✘ redis Error", "IMAGE_MISSING"),
        (" postgres Error", "COMPOSE_FAILED"),
        ("services.redis Additional property x is not allowed", "COMPOSE_FAILED"),
    ],
)
def test_a_client_that_only_names_the_service_is_asked_which_image_that_is(
    tmp_path: Path, said: str, code: str
) -> None:
    log = tmp_path / "log"
    log.write_text(f"{said}\n", encoding="utf-8")

    error = client.failure(log, "exit 1", {"redis": "mine/redis:1"})

    assert error.code == code
    assert ("mine/redis:1 is not here" in error.evidence) is (code == "IMAGE_MISSING")


def _deep(cause: BaseException) -> BaseException:
    """As the SDK hands it over: inside the arguments of what requests raised, inside its own error."""
    return RuntimeError("Error while fetching server API version", ConnectionError(("Aborted.", cause)))


@pytest.mark.parametrize(
    ("cause", "code", "kind"),
    [
        (PermissionError(13, "Permission denied"), "DOCKER_NO_PERMISSION", Refused),
        (FileNotFoundError(2, "No such file"), "DOCKER_ENGINE_DOWN", Unreachable),
        (ConnectionRefusedError(111, "refused"), "DOCKER_ENGINE_DOWN", Unreachable),
    ],
)
def test_no_permission_is_told_from_no_engine(cause: OSError, code: str, kind: type[CcopsError]) -> None:
    error = docker.translated(_deep(cause))

    assert isinstance(error, kind)
    assert error.code == code


def test_a_socket_that_is_not_there_is_an_engine_that_is_down(tmp_path: Path) -> None:
    # As a process: the SDK leaves the socket of a failed connection to the garbage collector.
    env = {"DOCKER_HOST": f"unix://{tmp_path}/nobody.sock", "CCOPS_HOME": str(tmp_path)}

    ran = run_ccops("status", "--mode", "compose", env=env)

    assert ran.code == 4
    assert "DOCKER_ENGINE_DOWN" in ran.err
    assert "Traceback" not in ran.err
