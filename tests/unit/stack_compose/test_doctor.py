"""What the doctor asks of Docker: images, ports, disk and containers; with an engine that is made up."""

from __future__ import annotations

import inspect
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker import DockerClient
from docker.errors import ImageNotFound
from docker.models.images import ImageCollection

from ccops.core.profile import Profile, Project, Value
from ccops.stack.compose import doctor, engine
from ccops.stack.compose.images import image_names, missing
from ccops.stack.doctor import CHECKS, examine
from ccops.stack.finding import Finding, Level
from tests.conftest import ROOT


class FakeImages:
    """The collection; `missing` says which images are nowhere."""

    def __init__(self, missing: Sequence[str]) -> None:
        self.missing = missing

    def get(self, name: str) -> SimpleNamespace:
        if name in self.missing:
            raise ImageNotFound(name)
        return SimpleNamespace(id=f"sha256:{name}")


class FakeContainer:
    """A container that publishes a port."""

    def __init__(self, service: str, port: str, status: str = "running") -> None:
        state = {"Status": status, "Pid": 7, "ExitCode": 1, "StartedAt": "2026-11-23T06:00:00.1Z"}
        self.attrs: Mapping[str, object] = {
            "State": state,
            "Config": {"Labels": {"com.docker.compose.service": service}},
            "NetworkSettings": {"Ports": {"6379/tcp": [{"HostPort": port}]}},
        }


class FakeDocker:
    """An engine."""

    def __init__(self, missing: Sequence[str] = (), *found: FakeContainer, root: str = "/nowhere") -> None:
        self.images, self.found, self.root = FakeImages(missing), found, root

    @property
    def containers(self) -> FakeDocker:
        return self

    def list(self, **_: object) -> Sequence[FakeContainer]:
        return self.found

    def info(self) -> Mapping[str, object]:
        return {"DockerRootDir": self.root}


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return Profile("dev", Project(ROOT, tmp_path), {"CCOPS_STACK": Value("compose", "env/dev.env:1")})


def _ask(monkeypatch: pytest.MonkeyPatch, profile: Profile, name: str, docker: FakeDocker) -> Finding:
    @contextmanager
    def opened() -> Iterator[FakeDocker]:
        yield docker

    monkeypatch.setattr(doctor, "open_docker", opened)
    monkeypatch.setattr(engine, "open_docker", opened)
    return examine(profile, (name,), doctor.QUESTIONS)[name]


def test_our_own_image_has_to_be_built_and_the_others_may_be_fetched(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = (
        _ask(monkeypatch, profile, "images", FakeDocker([name])) for name in ("ccops:0.1.0", "postgres:18")
    )

    assert (own.level, own.next_step.split()[:4]) == (Level.FAIL, ["docker", "build", "-t", "ccops:0.1.0"])
    assert (other.level, other.text) == (Level.WARN, "1 of 8 not here: postgres:18")
    assert _ask(monkeypatch, profile, "images", FakeDocker()).level is Level.PASS


def test_an_image_that_a_variable_names_is_the_one_that_is_looked_for() -> None:
    found = image_names(ROOT / "docker-compose.yml", {"CCOPS_IMAGE_REDIS": "mine:1"})

    assert found["mine:1"] == "CCOPS_IMAGE_REDIS"
    assert not [name for name in found if name.startswith(("valkey", "grafana"))]


def test_an_image_that_is_missing_is_known_by_its_services(profile: Profile) -> None:
    found = missing(FakeDocker(["ccops:0.1.0", "valkey/valkey:9.1"]), profile)

    assert found == {
        **dict.fromkeys(("migrate", "backend", "worker"), "ccops:0.1.0"),
        "redis": "valkey/valkey:9.1",
    }


def test_a_fixed_port_is_ours_or_has_an_owner(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        fixed: dict[str, Any] = {**profile.values, "CCOPS_PORT_REDIS": Value(port, "env/dev.env:2")}
        taken = Profile("dev", profile.project, fixed)

        ours = _ask(monkeypatch, taken, "ports", FakeDocker((), FakeContainer("redis", port)))
        theirs = _ask(monkeypatch, taken, "ports", FakeDocker())

    assert ours.level is Level.PASS
    assert (theirs.level, port in theirs.text) == (Level.FAIL, True)


def test_a_container_that_is_not_well_is_named(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = FakeDocker((), FakeContainer("redis", "1"), FakeContainer("worker", "2", "exited"))

    found = _ask(monkeypatch, profile, "containers", dead)

    assert (found.level, found.text) == (Level.WARN, "up, but worker is failed")
    assert _ask(monkeypatch, profile, "containers", FakeDocker()) == Finding(Level.PASS, "not running")


def test_the_disk_of_the_engine_is_looked_at_where_it_is(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = _ask(monkeypatch, profile, "engine-disk", FakeDocker(root=str(tmp_path)))
    far = _ask(monkeypatch, profile, "engine-disk", FakeDocker())

    assert f"MB free at {tmp_path}" in here.text
    assert (far.level, far.text) == (Level.SKIP, "the engine keeps its data elsewhere: /nowhere")


def test_a_profile_of_systems_elsewhere_is_skipped(profile: Profile) -> None:
    far = Profile("prod", profile.project, {"CCOPS_STACK": Value("external", "env/prod.env:1")})

    assert doctor.profile_kind(far).level is Level.SKIP
    assert doctor.profile_kind(profile).level is Level.PASS


def test_what_is_asked_of_the_machine_for_own_processes_is_asked_for_docker_or_is_no_question_there() -> None:
    # Servers come in images, and containers have limits, shared memory and a supervisor of the engine's.
    no_question = {"platform", "open-files", "shared-memory", "docker", "data", "supervisor"}
    no_question |= {"postgres", "redis", "kafka", "clickhouse", "backend", "alertmanager", "prometheus"}

    assert set(CHECKS) - set(doctor.QUESTIONS) == no_question


def test_the_sdk_has_what_we_use() -> None:
    assert list(inspect.signature(ImageCollection.get).parameters)[:2] == ["self", "name"]
    assert callable(DockerClient.info)
