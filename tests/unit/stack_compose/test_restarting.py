"""Restarting on Docker with settings changed, and putting them back; with an engine that is made up."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ccops.core.errors import CcopsError, Refused, Unreachable, UsageError
from ccops.core.profile import Profile, Project, Value, parse_env_file
from ccops.stack import stacks
from ccops.stack.compose import engine, restarting
from ccops.stack.paths import StateDir
from ccops.stack.state import Phase
from tests.conftest import ROOT


class FakeContainer:
    """A container that mounts app.env of a folder, and is healthy after a restart or not."""

    def __init__(self, service: str, folder: Path, number: str = "1", comes: bool = True) -> None:
        self.comes, self.restarts = comes, 0
        labels = {"com.docker.compose.service": service, "com.docker.compose.container-number": number}
        self._state: dict[str, Any] = {"Status": "running", "Pid": 7, "ExitCode": 1}
        self._state |= {"StartedAt": "2026-11-23T06:00:00.1Z", "Health": {"Status": "healthy"}}
        self.attrs: dict[str, object] = {
            "Name": f"/x_{service}_{number}",
            "State": self._state,
            "Config": {"Labels": labels},
            "Mounts": [{"Type": "bind", "Source": str(folder / "app.env")}],
        }

    def logs(self, *, tail: int, timestamps: bool = False) -> bytes:
        return b"boom\n"

    def restart(self, *, timeout: int) -> None:
        self.restarts += 1
        if not self.comes:
            self._state |= {"Status": "exited", "Health": {"Status": "unhealthy"}}


class FakeDocker:
    """The engine, its collection, and the compose client that makes containers anew."""

    def __init__(self) -> None:
        self.found: list[FakeContainer] = []
        self.calls: list[tuple[Sequence[str], Mapping[str, str]]] = []

    @property
    def containers(self) -> FakeDocker:
        return self

    def list(self, **_: object) -> Sequence[FakeContainer]:
        return self.found

    def run(self, words: Sequence[str], variables: Mapping[str, str], log: Path, timeout_s: float) -> None:
        self.calls.append((words, variables))
        for one in self.found:
            labels: Any = one.attrs["Config"]
            if labels["Labels"]["com.docker.compose.service"] == words[-1]:
                one.attrs["Mounts"] = [{"Source": f"{variables['CCOPS_SECRETS_DIR']}/app.env"}]


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    values = {
        "CCOPS_STACK": Value("compose", "env/dev.env:1"),
        "GAME_TZ": Value("Asia/Seoul", "env/dev.env:2"),
    }
    made = Profile("dev", Project(ROOT, tmp_path), values)
    state_dir = StateDir(made.state_dir)
    state_dir.create()
    state_dir.compose.write_text(json.dumps({"services": ["backend", "worker", "kafka"]}))
    return made


@pytest.fixture
def docker(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    made = FakeDocker()
    made.found = [FakeContainer(name, _shared(profile)) for name in ("backend", "worker", "kafka")]

    @contextmanager
    def opened() -> Iterator[FakeDocker]:
        yield made

    monkeypatch.setattr(engine, "open_docker", opened)
    monkeypatch.setattr(restarting, "open_docker", opened)
    monkeypatch.setattr("ccops.stack.compose.client.find", lambda: made)
    return made


def _shared(profile: Profile) -> Path:
    return profile.state_dir / "compose" / "secrets"


def _own(profile: Profile, service: str = "backend") -> Path:
    return profile.state_dir / "compose" / f"set-{service}"


def _settings(folder: Path) -> dict[str, str]:
    return {key: value.text for key, value in parse_env_file(folder / "app.env", "app.env").items()}


def test_the_first_time_the_service_alone_is_made_anew_with_settings_of_its_own(
    profile: Profile, docker: FakeDocker
) -> None:
    now = restarting.restart(profile, "backend", {"ACCESS_TTL_S": "2"})

    ((words, variables),) = docker.calls
    assert words[-6:] == ("up", "-d", "--no-build", "--no-deps", "--force-recreate", "backend")
    assert variables["CCOPS_SECRETS_DIR"] == str(_own(profile))
    assert "2" not in " ".join(words).split()
    own, shared = _settings(_own(profile)), _settings(_shared(profile))
    assert (own["ACCESS_TTL_S"], own["GAME_TZ"]) == ("2", "Asia/Seoul")
    assert {key: text for key, text in own.items() if key != "ACCESS_TTL_S"} == shared
    assert now.services["backend"].overrides == ("ACCESS_TTL_S",)
    assert now.services["worker"].overrides == ()
    assert not any(one.restarts for one in docker.found)


def test_then_its_file_is_written_and_its_containers_restart_one_by_one(
    profile: Profile, docker: FakeDocker
) -> None:
    docker.found = [FakeContainer("backend", _shared(profile), number) for number in "12"]
    StateDir(profile.state_dir).compose.write_text(
        json.dumps({"services": ["backend-1", "backend-2"], "scale": {"backend": 2}})
    )
    restarting.restart(profile, "backend", {"FAULT": "ledger"})
    assert docker.calls[0][0][-3:] == ("--scale", "backend=2", "backend")

    restarting.restart(profile, "backend", {"LOG_LEVEL": "DEBUG"})

    assert len(docker.calls) == 1
    assert [one.restarts for one in docker.found] == [1, 1]
    own = _settings(_own(profile))
    assert ("FAULT" in own, own["LOG_LEVEL"]) == (False, "DEBUG")
    assert restarting.status(profile).services["backend-2"].overrides == ("LOG_LEVEL",)


def test_a_restart_without_settings_puts_everything_back(profile: Profile, docker: FakeDocker) -> None:
    restarting.restart(profile, "backend", {"FAULT": "ledger"})

    now = restarting.restart(profile, "backend")

    assert _settings(_own(profile)) == _settings(_shared(profile))
    assert now.services["backend"].overrides == ()
    assert [one.restarts for one in docker.found] == [1, 0, 0]


def test_a_restart_reads_the_profile_again(profile: Profile, docker: FakeDocker) -> None:
    restarting.restart(profile, "worker")
    changed = Profile("dev", profile.project, {**profile.values, "GAME_TZ": Value("UTC", "env/dev.env:2")})

    restarting.restart(changed, "worker")

    assert _settings(_shared(profile))["GAME_TZ"] == "UTC"
    assert docker.calls == []


def test_what_a_later_up_made_anew_runs_without_what_was_once_set(
    profile: Profile, docker: FakeDocker
) -> None:
    restarting.restart(profile, "backend", {"FAULT": "ledger"})
    docker.found = [FakeContainer("backend", _shared(profile))]

    assert restarting.status(profile).services["backend"].overrides == ()


def test_what_was_set_is_removed_with_the_stack(profile: Profile, docker: FakeDocker) -> None:
    restarting.restart(profile, "backend", {"JWT_KEYS": "k9:hunter22"})

    restarting.forget(profile)
    restarting.forget(profile)

    assert not _own(profile).exists()
    assert _shared(profile).exists()


def test_secrets_are_nobody_elses(profile: Profile, docker: FakeDocker) -> None:
    restarting.restart(profile, "backend", {"JWT_KEYS": "k9:hunter22"})

    assert StateDir(profile.state_dir).root.stat().st_mode & 0o077 == 0
    assert (_own(profile) / "app.env").stat().st_mode & 0o777 == 0o444
    assert "hunter22" not in (_own(profile) / "keys.json").read_text()
    assert "hunter22" not in str(docker.calls)
    assert not list(_own(profile).glob(".*"))


@pytest.mark.parametrize(
    ("service", "settings", "code"),
    [
        ("kafka", {"LOG_LEVEL": "DEBUG"}, "NOT_SETTABLE"),
        ("backend-2", {"LOG_LEVEL": "DEBUG"}, "NOT_SETTABLE"),
        ("backend", {"LOG_LEVELS": "DEBUG"}, "SETTING_UNKNOWN"),
        ("backend", {"LOG_LEVEL": "DEBUG\nPROTECTED=0"}, "SETTING_INVALID"),
        ("bakend", {}, "SERVICE_UNKNOWN"),
        ("migrate", {}, "NOT_RESTARTABLE"),
    ],
)
def test_what_can_not_be_set_is_refused_and_nothing_restarts(
    profile: Profile, docker: FakeDocker, service: str, settings: dict[str, str], code: str
) -> None:
    with pytest.raises(CcopsError) as refused:
        restarting.restart(profile, service, settings)

    assert refused.value.code == code
    assert isinstance(refused.value, Refused | UsageError)
    assert docker.calls == []
    assert not any(one.restarts for one in docker.found)
    assert not (_own(profile) / "app.env").exists()


def test_a_service_that_does_not_come_back_is_said_with_its_log(profile: Profile, docker: FakeDocker) -> None:
    docker.found = [FakeContainer("backend", _own(profile), comes=False)]

    with pytest.raises(Unreachable, match="not ready") as failed:
        restarting.restart(profile, "backend", {"LOG_LEVEL": "DEBUG"})

    assert "boom" in str(failed.value.evidence)


def test_a_service_that_was_never_started_is_down(profile: Profile, docker: FakeDocker) -> None:
    docker.found = []

    with pytest.raises(Unreachable, match="is down"):
        restarting.restart(profile, "backend", {"LOG_LEVEL": "DEBUG"})


def test_what_changes_a_stack_for_a_moment_asks_the_engine_that_has_it(
    profile: Profile, docker: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    stacks.restart(profile, "worker", {"FAULT": "kafka"})
    state = stacks.state(profile)
    assert state is not None
    assert state.services["worker"].overrides == ("FAULT",)
    assert state.services["worker"].phase is Phase.READY
    docker.found = []
    assert stacks.state(profile) is None

    StateDir(profile.state_dir).compose.unlink()
    asked: list[object] = []
    monkeypatch.setattr("ccops.stack.engine.restart", lambda *given: asked.append(given))
    stacks.restart(profile, "worker", {"FAULT": "kafka"})
    assert asked == [(profile, "worker", {"FAULT": "kafka"})]
    assert stacks.state(profile) is None


def test_a_stack_that_runs_elsewhere_is_nobodys_to_change() -> None:
    far = Profile("prod", Project(ROOT, ROOT), {"CCOPS_STACK": Value("external", "env/prod.env:1")})

    with pytest.raises(Refused) as refused:
        stacks.require_ours(far, "metrics verify --restart")
    assert refused.value.code == "STACK_EXTERNAL"
