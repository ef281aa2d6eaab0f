"""Several backends on Docker: how many, on which ports, and what everybody else is told about them."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from ccops.cli.up import check_docker_only
from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Profile, Project, Value
from ccops.stack.compose import replicas
from ccops.stack.paths import StateDir, write_private
from tests.conftest import ROOT


def _profile(home: Path, **settings: str) -> Profile:
    values = {key: Value(text, "env/dev.env:1") for key, text in settings.items()}
    return Profile("dev", Project(ROOT, home), values)


@pytest.mark.parametrize(
    ("given", "number"), [((), None), (("backend=1",), 1), (("backend=2",), 2), (("backend=4",), 4)]
)
def test_scale_is_the_number_of_backends(given: Sequence[str], number: int | None) -> None:
    assert replicas.parse_scale(given) == number


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (("worker=2",), "the others stand by"),
        (("postgres=2",), "postgres is one container"),
        (("backend",), "from 1 to 4"),
        (("backend=0",), "from 1 to 4"),
        (("backend=5",), "from 1 to 4"),
        (("backend=²",), "from 1 to 4"),
        (("backend=2", "backend=3"), "once"),
    ],
)
def test_what_can_not_be_scaled_is_refused_with_the_reason(given: Sequence[str], why: str) -> None:
    with pytest.raises(UsageError) as caught:
        replicas.parse_scale(given)

    assert caught.value.code == "SCALE_INVALID"
    assert why in caught.value.evidence


def test_the_embedded_stack_names_its_own_option() -> None:
    check_docker_only(())
    with pytest.raises(UsageError) as caught:
        check_docker_only(("backend=2",))

    assert (caught.value.code, "--backend-workers" in caught.value.next_step) == ("OPTION_DOCKER_ONLY", True)


def test_a_scale_without_the_backend_is_refused() -> None:
    assert replicas.names_of(("redis",), 2, None) == ("redis",)
    assert replicas.names_of(("redis", "backend"), 2, 2) == ("redis", "backend-1", "backend-2")
    with pytest.raises(UsageError, match="backend is not started"):
        replicas.names_of(("redis",), 2, 2)


def test_a_stack_keeps_its_number_until_another_is_asked_for(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path)

    assert replicas.count(state_dir, None) == 1
    write_private(state_dir.compose, json.dumps({"scale": {"backend": 3}}))
    assert (replicas.count(state_dir, None), replicas.count(state_dir, 1)) == (3, 1)


def _ports(profile: Profile, **known: int) -> None:
    profile.state_dir.mkdir(parents=True, exist_ok=True)
    StateDir(profile.state_dir).ports.write_text(json.dumps(known))


def test_the_kept_port_is_used_while_those_behind_it_are_free_and_another_is_found_when_not(
    tmp_path: Path,
) -> None:
    profile = _profile(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        taken = other.getsockname()[1]
        _ports(profile, backend=taken, worker=25000)

        replicas.plan_ports(profile, 2, ours=())
        moved = json.loads(StateDir(profile.state_dir).ports.read_text())
        replicas.plan_ports(profile, 2, ours=())

    assert json.loads(StateDir(profile.state_dir).ports.read_text()) == moved
    assert moved["backend"] != taken
    assert moved["worker"] == 25000


def test_a_port_of_another_service_or_of_our_own_container_is_told_from_a_strangers(tmp_path: Path) -> None:
    profile = _profile(tmp_path)
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        port = own.getsockname()[1]
        _ports(profile, backend=port)
        replicas.plan_ports(profile, 1, ours=(port,))
        assert json.loads(StateDir(profile.state_dir).ports.read_text()) == {"backend": port}

    _ports(profile, backend=port, worker=port + 1)
    replicas.plan_ports(profile, 2, ours=())
    assert json.loads(StateDir(profile.state_dir).ports.read_text())["backend"] not in {port, port + 1}


def test_a_fixed_range_that_is_taken_names_its_owner(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        profile = _profile(tmp_path, CCOPS_PORT_BACKEND=str(port - 1))

        with pytest.raises(Refused) as caught:
            replicas.plan_ports(profile, 2, ours=(port - 1,))

    assert caught.value.code == "PORT_TAKEN"
    assert f"127.0.0.1:{port} belongs to pid" in caught.value.evidence


def test_one_is_published_and_told_as_ever_and_several_as_a_range_and_a_list() -> None:
    known = {"backend": 8000}

    assert (replicas.port_range(8000, 1), replicas.urls(known, 1)) == ("8000", {})
    assert replicas.port_range(8000, 3) == "8000-8002"
    assert replicas.urls(known, 2) == {"CCOPS_BACKEND_URLS": "http://127.0.0.1:8000,http://127.0.0.1:8001"}


def test_prometheus_is_told_each_container_in_a_file_that_its_user_can_read(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path)
    replicas.write_targets(state_dir, ["backend"])
    beside = json.loads((ROOT / "compose" / "targets" / "backend.json").read_text(encoding="utf-8"))

    (path,) = replicas.targets_folder(state_dir).iterdir()
    assert json.loads(path.read_text(encoding="utf-8")) == beside
    replicas.write_targets(state_dir, ["p_backend_1", "p_backend_2"])
    (group,) = json.loads(path.read_text(encoding="utf-8"))
    assert group == {
        "targets": ["p_backend_1:8000", "p_backend_2:8000"],
        "labels": {"service": "backend"},
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755
