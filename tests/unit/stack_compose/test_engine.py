"""Looking, restarting and the error of a stack that does not come up, with an engine that is made up."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ccops.core.errors import Refused, Unreachable
from ccops.core.profile import Profile, Project, Value, parse_env_file
from ccops.stack.compose import doctor, engine, logs
from ccops.stack.compose.layout import described
from ccops.stack.control import Event
from ccops.stack.doctor import examine
from ccops.stack.finding import Level
from ccops.stack.paths import StateDir
from ccops.stack.state import Phase
from tests.conftest import ROOT

IMAGE = "sha256:1"


class FakeContainer:
    """A container whose restart makes it healthy, or not."""

    def __init__(
        self,
        service: str,
        status: str = "running",
        health: str = "healthy",
        comes: bool = True,
        number: int = 1,
    ):
        self.comes, self.restarts, self.said = comes, 0, b""
        labels = {
            "com.docker.compose.service": service,
            "com.docker.compose.container-number": str(number),
        }
        state: dict[str, Any] = {"Status": status, "Pid": 9, "ExitCode": 137}
        state |= {"StartedAt": "2026-11-23T06:27:00.1Z", "Health": {"Status": health, "Log": []}}
        test = ["CMD", "ask", service]
        self.attrs: Mapping[str, object] = {
            "Name": f"/p_{service}_{number}",
            "Image": IMAGE,
            "State": state,
            "Config": {"Labels": labels, "Healthcheck": {"Test": test}},
        }
        self._state = state

    def logs(self, *, tail: int, timestamps: bool = False) -> bytes:
        if timestamps:
            return self.said
        return "".join(f"line {number}\n" for number in range(100)).encode()[-8 * tail :]

    def restart(self, *, timeout: int) -> None:
        self.restarts += 1
        self._state |= {"Status": "running", "Health": {"Status": "healthy" if self.comes else "starting"}}


class FakeDocker:
    """An engine with the containers given; its own collection. `after`: they are there once this file is."""

    def __init__(self, *found: FakeContainer, after: Path | None = None, kept: Sequence[str] = ()) -> None:
        self.found, self.after, self.kept = found, after, kept

    def version(self) -> Mapping[str, object]:
        return {"Version": "20.10.24", "ApiVersion": "1.41"}

    @property
    def containers(self) -> FakeDocker:
        return self

    @property
    def images(self) -> FakeDocker:
        return self

    @property
    def volumes(self) -> SimpleNamespace:
        return SimpleNamespace(list=lambda filters: self.kept if "label" in filters else [])

    def get(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(id=IMAGE)

    def list(
        self,
        *,
        all: bool,  # noqa: A002 - the SDK's name
        filters: Mapping[str, str],
        ignore_removed: bool,
    ) -> Sequence[FakeContainer]:
        return self.found if self.after is None or self.after.exists() else ()


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return Profile("dev", Project(ROOT, tmp_path), {"CCOPS_STACK": Value("embedded", "env/dev.env:1")})


def _use(monkeypatch: pytest.MonkeyPatch, *found: FakeContainer, **more: Any) -> None:
    @contextmanager
    def opened() -> Iterator[FakeDocker]:
        yield FakeDocker(*found, **more)

    monkeypatch.setattr(engine, "open_docker", opened)


def test_a_killed_container_makes_the_stack_not_ready_and_says_why(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(monkeypatch, FakeContainer("redis"), FakeContainer("worker", "exited"))

    now = engine.status(profile)

    assert not now.ready
    assert [(item.name, item.detail) for item in now.bad()] == [("worker", "killed by SIGKILL")]


def test_what_was_started_and_has_no_container_any_more_is_missed(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile.state_dir.mkdir(parents=True)
    StateDir(profile.state_dir).compose.write_text('{"services": ["redis", "kafka"]}')
    _use(monkeypatch, FakeContainer("redis"))

    assert [item.name for item in engine.status(profile).bad()] == ["kafka"]


def test_a_stack_without_containers_is_down(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch)

    with pytest.raises(Unreachable, match="is down"):
        engine.status(profile)
    with pytest.raises(Unreachable, match="is down"):
        engine.restart(profile, "worker")
    with pytest.raises(Unreachable, match="is down"):
        engine.stack_env(profile)


def test_restart_touches_that_service_alone_and_waits_for_its_health(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter, kafka = FakeContainer("kafka-exporter"), FakeContainer("kafka", "exited")
    _use(monkeypatch, exporter, kafka)

    now = engine.restart(profile, "kafka")

    assert now.services["kafka"].phase is Phase.READY
    assert (kafka.restarts, exporter.restarts) == (1, 0)


def test_a_service_that_does_not_come_back_is_shown_with_probe_answer_and_log(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(monkeypatch, FakeContainer("worker", "exited", comes=False))

    with pytest.raises(Unreachable) as caught:
        engine.restart(profile, "worker", timeout_s=0.1)

    lines = caught.value.evidence.splitlines()
    assert lines[:3] == ["worker: starting", "  probe   ask worker", "  answer  none yet"]
    assert lines[3] == "  last 15 log lines:"
    assert lines[-1] == "    line 99"


def test_logs_are_merged_by_the_engines_time_and_filtered(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis, worker = FakeContainer("redis"), FakeContainer("worker", "exited")
    redis.said = b"2026-11-23T06:27:00.2Z two\n2026-11-23T06:27:00.4Z four 4\n"
    worker.said = b"2026-11-23T06:27:00.100000001Z one\n2026-11-23T06:27:00.300000001Z three 3\n"
    _use(monkeypatch, redis, worker)
    monkeypatch.setattr(logs, "open_docker", engine.open_docker)

    assert [line.text for line in logs.recent(profile, (), 3)] == ["two", "three 3", "four 4"]
    assert [line.text for line in logs.recent(profile, ("worker",), 9)] == ["one", "three 3"]
    assert [line.text for line in logs.recent(profile, (), 9, re.compile(r"\d"))] == ["three 3", "four 4"]


def test_the_migration_is_not_restarted(profile: Profile) -> None:
    with pytest.raises(Refused) as caught:
        engine.restart(profile, "migrate")

    assert caught.value.code == "NOT_RESTARTABLE"


@pytest.mark.parametrize(
    ("protected", "confirm", "code"), [("1", "dev", "WIPE_PROTECTED"), ("0", "", "CONFIRM_MISSING")]
)
def test_data_is_removed_only_by_name_and_never_where_protected(
    profile: Profile, protected: str, confirm: str, code: str
) -> None:
    values = {**profile.values, "CCOPS_PROTECTED": Value(protected, "env/dev.env:2")}

    with pytest.raises(Refused) as caught:
        engine.wipe(Profile("dev", profile.project, values), confirm)

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("found", "kept", "said"),
    [([], [], False), ([], ["p_postgres"], True), ([FakeContainer("redis", "exited")], [], True)],
)
def test_a_wipe_says_whether_there_was_anything_also_after_a_down(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: list, kept: list, said: bool
) -> None:
    told = _client(tmp_path, monkeypatch)
    _use(monkeypatch, *found, kept=kept)
    StateDir(profile.state_dir).create()

    assert engine.wipe(profile, "dev") is said
    assert "down --remove-orphans --volumes\n" in told.read_text(encoding="utf-8")


def test_the_doctor_names_client_engine_and_files_that_are_missing(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _use(monkeypatch, FakeContainer("redis"))
    monkeypatch.setattr(doctor, "open_docker", engine.open_docker)
    monkeypatch.setenv("PATH", str(tmp_path))
    only = ("compose-client", "engine", "compose-files")

    found = examine(profile, only, doctor.QUESTIONS)
    elsewhere = doctor.files(Profile("dev", Project(tmp_path, tmp_path), {}))

    assert found["compose-client"].level is Level.FAIL
    assert "docker-compose is not on PATH" in found["compose-client"].text
    assert found["engine"].text.startswith("20.10.24, API 1.41; 1 container(s) of ccops-dev-")
    assert (found["compose-files"].level, elsewhere.level) == (Level.PASS, Level.FAIL)
    assert "docker-compose.yml" in elsewhere.text


def _client(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int = 0, lasts_s: float = 0) -> Path:
    """Put a compose client on PATH that writes down how it was called; returns that file."""
    told, program = folder / "told", folder / "docker-compose"
    lines = (
        "#!/bin/sh",
        '[ "$1" = version ] && { echo 1.29.2; exit; }',
        f'echo "$*" >>{told}',
        f"env >>{told}",
    )
    ends = ("echo it went wrong", f"sleep {lasts_s}", f'echo "ended by itself" >>{told}', f"exit {code}", "")
    program.write_text("\n".join((*lines, *ends)), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(engine.compose.shutil, "which", lambda name: None if name == "docker" else name)
    return told


def test_up_writes_files_calls_the_client_once_and_waits_for_health(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = _client(tmp_path, monkeypatch)
    _use(monkeypatch, FakeContainer("redis"), FakeContainer("kafka"), after=told)
    state_dir, rendered, events = StateDir(profile.state_dir), [], []

    now = engine.up(profile, ("redis",), on_event=events.append, before_start=rendered.extend)
    engine.up(profile, ("redis",), on_event=events.append)

    text = told.read_text(encoding="utf-8")
    assert now.services["redis"].phase is Phase.READY
    assert [event.kind for event in events] == ["starting", "service", "already"]
    assert rendered == ["redis"]
    assert "--profile dev up -d --no-build redis\n" in text
    assert state_dir.compose.is_file()
    assert set(parse_env_file(state_dir.stack_env, "stack.env")) == {"CCOPS_REDIS_URL"}
    secrets = parse_env_file(state_dir.secrets, "secrets.env")
    assert not [key for key, value in secrets.items() if value.text.removeprefix("k1:") in text]


def _all_described(profile: Profile) -> dict[str, str]:
    """What a marker says when all was made from today's files."""
    return dict.fromkeys(("postgres", "redis", "migrate", "backend"), described(profile, os.environ))


def _whole(*backends: FakeContainer) -> list[FakeContainer]:
    """What a backend needs, and the backends."""
    ended = FakeContainer("migrate", "exited")
    state = ended.attrs["State"]
    assert isinstance(state, dict)
    state["ExitCode"] = 0
    return [FakeContainer("postgres"), FakeContainer("redis"), ended, *backends]


def test_several_backends_are_started_on_a_range_of_ports_and_everybody_is_told(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = _client(tmp_path, monkeypatch)
    both = [FakeContainer("backend", number=number) for number in (1, 2)]
    _use(monkeypatch, *_whole(*both), after=told)
    state_dir = StateDir(profile.state_dir)

    now = engine.up(profile, ("backend",), scale=2)

    text = told.read_text(encoding="utf-8")
    assert "up -d --no-build --scale backend=2 postgres redis migrate backend\n" in text
    match = re.search(r"^CCOPS_PORT_BACKEND=(\d+)-(\d+)$", text, re.MULTILINE)
    assert match is not None
    first, last = int(match[1]), int(match[2])
    assert last == first + 1
    env = parse_env_file(state_dir.stack_env, "stack.env")
    assert env["CCOPS_BACKEND_URL"].text == f"http://127.0.0.1:{first}"
    assert env["CCOPS_BACKEND_URLS"].text == f"http://127.0.0.1:{first},http://127.0.0.1:{last}"
    assert "CCOPS_BACKEND_WORKERS" not in env
    assert [name for name in now.services if "backend" in name] == ["backend-1", "backend-2"]
    targets = (state_dir.root / "compose" / "targets" / "backend.json").read_text(encoding="utf-8")
    assert '["p_backend_1:8000", "p_backend_2:8000"]' in targets


def test_a_stack_keeps_its_number_and_another_is_not_ready_before_the_client_has_ended(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told, events = _client(tmp_path, monkeypatch, lasts_s=0.3), []
    one, two = (FakeContainer("backend", number=number) for number in (1, 2))
    _use(monkeypatch, *_whole(one, two))
    profile.state_dir.mkdir(parents=True)
    kept = {"scale": {"backend": 2}, "services": ["backend-1"], "described": _all_described(profile)}
    StateDir(profile.state_dir).compose.write_text(json.dumps(kept))

    engine.up(profile, ("backend",), on_event=events.append)
    engine.up(profile, ("backend",), on_event=events.append, scale=2)
    assert [event.kind for event in events] == ["already", "already"]
    assert not told.exists()

    def ended(event: Event) -> None:
        if event.service is not None and event.service.name == "backend":
            assert "ended by itself" in told.read_text(encoding="utf-8")
            events.append(event)

    engine.up(profile, ("backend",), on_event=ended, scale=1)

    assert len(events) == 3
    assert "--scale backend=1" in told.read_text(encoding="utf-8")
    marker = StateDir(profile.state_dir).compose.read_text(encoding="utf-8")
    assert '"backend"\n' in marker
    assert "backend-1" not in marker


def test_up_makes_anew_what_was_made_from_another_image(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told, events = _client(tmp_path, monkeypatch), []
    redis = FakeContainer("redis")
    _use(monkeypatch, redis)
    engine.up(profile, ("redis",))
    told.unlink()

    engine.up(profile, ("redis",), on_event=events.append)
    assert [event.kind for event in events] == ["already"]
    assert not told.exists()

    redis.attrs = {**redis.attrs, "Image": "sha256:older"}
    engine.up(profile, ("redis",))
    assert "up -d --no-build redis\n" in told.read_text(encoding="utf-8")


def test_up_makes_anew_what_was_made_with_other_files_until_it_succeeds(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = _client(tmp_path, monkeypatch)
    _use(monkeypatch, FakeContainer("redis"))
    engine.up(profile, ("redis",))
    told.unlink()
    monkeypatch.setenv("CCOPS_MEM_REDIS", "64m")  # docker-compose.yml reads it

    _client(tmp_path, monkeypatch, code=1)
    with pytest.raises(Unreachable, match="could not do it"):  # the old one runs on
        engine.up(profile, ("redis",))
    told.unlink()
    _client(tmp_path, monkeypatch)
    engine.up(profile, ("redis",))
    told.unlink()
    engine.up(profile, ("redis",))

    assert not told.exists()


def test_one_of_two_backends_that_is_gone_is_missed_by_its_number(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile.state_dir.mkdir(parents=True)
    StateDir(profile.state_dir).compose.write_text('{"services": ["backend-1", "backend-2"]}')
    _use(monkeypatch, FakeContainer("backend", number=2))

    assert [item.name for item in engine.status(profile).bad()] == ["backend-1"]


def test_a_client_that_fails_before_any_container_is_quoted(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _client(tmp_path, monkeypatch, code=1)
    _use(monkeypatch)

    with pytest.raises(Unreachable) as caught:
        engine.up(profile, ("redis",))

    assert (caught.value.code, caught.value.evidence) == ("COMPOSE_FAILED", "exit 1\nit went wrong")


def test_a_container_that_does_not_become_healthy_ends_up_in_time(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = _client(tmp_path, monkeypatch)
    _use(monkeypatch, FakeContainer("redis", health="starting"), after=told)

    with pytest.raises(Unreachable) as caught:
        engine.up(profile, ("redis",), wait_timeout_s=1)

    assert caught.value.code == "STACK_NOT_READY"
    assert "redis: starting" in caught.value.evidence


def test_up_goes_on_only_when_the_client_has_ended(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = _client(tmp_path, monkeypatch, lasts_s=0.5)
    _use(monkeypatch, FakeContainer("redis"), after=told)

    engine.up(profile, ("redis",))

    assert told.read_text(encoding="utf-8").endswith("ended by itself\n")


def test_a_client_that_still_works_when_the_time_is_up_is_ended(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = _client(tmp_path, monkeypatch, lasts_s=60)
    _use(monkeypatch, FakeContainer("redis", health="starting"), after=told)
    started: list[subprocess.Popen[bytes]] = []
    real = engine.wait

    def noted(*args: Any) -> Any:
        started.append(args[2])
        return real(*args)

    monkeypatch.setattr(engine, "wait", noted)

    with pytest.raises(Unreachable):
        engine.up(profile, ("redis",), wait_timeout_s=1)

    assert started[0].returncode == -signal.SIGTERM
    assert "ended by itself" not in told.read_text(encoding="utf-8")


def test_down_removes_containers_and_forgets_where_everything_was(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = _client(tmp_path, monkeypatch)
    _use(monkeypatch, FakeContainer("redis"))
    state_dir = StateDir(profile.state_dir)
    state_dir.create()
    for path in (state_dir.compose, state_dir.stack_env):
        path.write_text("{}")

    assert engine.down(profile) == ("redis",)
    assert "down --remove-orphans\n" in told.read_text(encoding="utf-8")
    assert not state_dir.compose.exists()
    assert not state_dir.stack_env.exists()
