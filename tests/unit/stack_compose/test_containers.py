"""What the engine says about containers becomes what `ccops status` says; the SDK keeps our promises."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from docker.models.containers import Container, ContainerCollection

from ccops.stack.compose.containers import of_project, service_state, states
from ccops.stack.state import Phase

STARTED = "2026-11-23T06:27:00.123456789Z"


def _attrs(service: str = "worker", number: str = "1", **state: Any) -> dict[str, Any]:
    """As `docker inspect` of engine 20.10 describes a container, cut to what we read."""
    return {
        "RestartCount": 2,
        "State": {"Status": "running", "Pid": 77, "ExitCode": 0, "StartedAt": STARTED, "Error": "", **state},
        "Config": {
            "Labels": {"com.docker.compose.service": service, "com.docker.compose.container-number": number},
            "Healthcheck": {"Test": ["CMD-SHELL", "ask  it\n now"]},
        },
        "NetworkSettings": {"Ports": {"8001/tcp": [{"HostIp": "127.0.0.1", "HostPort": "30874"}]}},
    }


def _health(status: str, said: str = "") -> dict[str, Any]:
    return {"Health": {"Status": status, "Log": [{"Output": "old"}, {"Output": f"{said}\n"}]}}


@pytest.mark.parametrize(
    ("name", "state", "phase", "detail"),
    [
        ("worker", _health("healthy"), Phase.READY, ""),
        ("worker", _health("starting"), Phase.STARTING, ""),
        ("worker", _health("unhealthy"), Phase.UNHEALTHY, ""),
        ("worker", {}, Phase.READY, ""),
        ("worker", {"Status": "created"}, Phase.WAITING, ""),
        ("worker", {"Status": "restarting", "ExitCode": 1}, Phase.RESTARTING, ""),
        ("worker", {"Status": "paused"}, Phase.UNHEALTHY, "paused"),
        ("worker", {"Status": "exited", "ExitCode": 137}, Phase.FAILED, "killed by SIGKILL"),
        ("worker", {"Status": "exited", "ExitCode": 3}, Phase.FAILED, "exited with 3"),
        ("worker", {"Status": "exited"}, Phase.STOPPED, "exited with 0"),
        ("migrate", {}, Phase.STARTING, ""),
        ("migrate", {"Status": "exited"}, Phase.DONE, ""),
        ("migrate", {"Status": "exited", "ExitCode": 1}, Phase.FAILED, "exited with 1"),
        (
            "worker",
            {"Status": "exited", "ExitCode": 137, "OOMKilled": True},
            Phase.FAILED,
            "killed by SIGKILL: out of memory",
        ),
    ],
)
def test_the_engines_words_become_a_phase(
    name: str, state: Mapping[str, Any], phase: Phase, detail: str
) -> None:
    item = service_state(name, _attrs(**state))

    assert (item.phase, item.detail) == (phase, detail)


def test_probe_last_answer_address_and_restarts_are_told() -> None:
    item = service_state("worker", _attrs(**_health("unhealthy", "503 kafka: down")))

    assert item.probe == "ask it now"
    assert item.answer == "503 kafka: down"
    assert (item.address, item.pid, item.restarts) == ("127.0.0.1:30874", 77, 2)
    assert round(item.started) == 1795415220


def test_a_description_without_anything_is_no_crash() -> None:
    item = service_state("worker", {"State": {"StartedAt": "0001-01-01T00:00:00Z"}})

    assert (item.phase, item.started, item.address) == (Phase.FAILED, 0.0, "")


class FakeContainer:
    """A container that only has a description."""

    def __init__(self, attrs: Mapping[str, object]) -> None:
        self.attrs = attrs

    def logs(self, *, tail: int, timestamps: bool = False) -> bytes:
        return b""

    def restart(self, *, timeout: int) -> None:
        raise AssertionError("nobody asked")


class FakeContainers:
    """The collection; remembers what it was asked."""

    def __init__(self, *found: FakeContainer) -> None:
        self.found, self.asked = found, dict[str, object]()

    def list(
        self,
        *,
        all: bool,  # noqa: A002 - the SDK's name
        filters: Mapping[str, str],
        ignore_removed: bool,
    ) -> Sequence[FakeContainer]:
        self.asked = {"all": all, "filters": filters, "ignore_removed": ignore_removed}
        return self.found


class FakeDocker:
    """The client."""

    def __init__(self, *found: FakeContainer) -> None:
        self.containers = FakeContainers(*found)


def test_the_fake_takes_nothing_that_the_sdk_would_refuse() -> None:
    for fake, real in ((FakeContainers.list, ContainerCollection.list), (FakeContainer.logs, Container.logs)):
        taken = inspect.signature(real).parameters
        open_ended = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken.values())
        names = set(inspect.signature(fake).parameters) - {"self"}
        assert open_ended or names <= set(taken), names - set(taken)
    assert Container(attrs={"Id": "1"}).attrs == {"Id": "1"}


def test_containers_are_found_by_project_stopped_ones_too_in_the_tables_order() -> None:
    docker = FakeDocker(FakeContainer(_attrs("worker")), FakeContainer(_attrs("postgres")))

    found = of_project(docker, "ccops-dev-1")

    assert list(found) == ["postgres", "worker"]
    label = {"label": "com.docker.compose.project=ccops-dev-1"}
    assert docker.containers.asked == {"all": True, "filters": label, "ignore_removed": True}


def test_several_of_one_service_are_told_apart_by_number_and_one_off_runs_are_nobodys() -> None:
    once = _attrs("backend", "7")
    once["Config"]["Labels"]["com.docker.compose.oneoff"] = "True"
    several = [FakeContainer(_attrs("backend", number)) for number in ("2", "1")]

    assert list(of_project(FakeDocker(*several, FakeContainer(once)), "p")) == ["backend-1", "backend-2"]


def test_one_that_is_left_of_several_keeps_its_number_and_one_of_several_that_stays_loses_it() -> None:
    second = FakeDocker(FakeContainer(_attrs("backend", "2")))
    both = FakeDocker(*(FakeContainer(_attrs("backend", number)) for number in ("1", "2")))

    assert list(of_project(second, "p", ("backend-1", "backend-2"))) == ["backend-2"]
    assert list(of_project(both, "p", ("backend",))) == ["backend", "backend-2"]
    missing = states(of_project(second, "p", ("backend-1", "backend-2")), ("backend-1", "backend-2"))
    assert [(name, one.good) for name, one in missing.items()] == [("backend-1", False), ("backend-2", True)]


def test_a_service_whose_container_is_gone_is_not_ready() -> None:
    found = states({"worker": FakeContainer(_attrs())}, ("worker", "redis"))

    assert list(found) == ["redis", "worker"]
    assert (found["redis"].good, found["redis"].detail) == (False, "there is no container")
