"""What is written for containers, which mode is chosen, and when stack.env counts."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Profile, Project, Value, load_profile
from ccops.stack import engine as embedded
from ccops.stack.compose import Mode, secretfiles
from ccops.stack.compose import mode as modes
from ccops.stack.compose.layout import file_options, folder, program_env, project_name, variables
from ccops.stack.credentials import load_secrets
from ccops.stack.paths import StateDir
from ccops.stack.service import Site
from tests.conftest import ROOT

PORTS = {
    "postgres": 30001,
    "redis": 30002,
    "kafka": 30003,
    "clickhouse": 30004,
    "backend": 30005,
    "worker": 30006,
}


def _profile(home: Path, kind: str = "embedded", protected: str = "0") -> Profile:
    values = {
        "CCOPS_STACK": Value(kind, "env/dev.env:1"),
        "CCOPS_PROTECTED": Value(protected, "env/dev.env:2"),
    }
    return Profile("dev", Project(ROOT, home), values)


def _site(tmp_path: Path, **settings: str) -> Site:
    state_dir = StateDir(tmp_path / "dev")
    state_dir.create()
    return Site("dev", state_dir.root, PORTS, load_secrets(state_dir), settings)


def test_inside_the_network_everybody_is_reached_by_name(tmp_path: Path) -> None:
    env = program_env(_site(tmp_path))

    assert "@postgres:5432/casino" in env["DATABASE_URL"]
    assert env["REDIS_URL"].endswith("@redis:6379/0")
    assert "@clickhouse:8123/" in env["CLICKHOUSE_URL"]
    assert env["KAFKA_BOOTSTRAP"] == "kafka:9092"
    assert (env["HTTP_PORT"], env["WORKER_HTTP_PORT"], env["HTTP_HOST"]) == ("8000", "8001", "0.0.0.0")
    assert not [key for key, text in env.items() if "127.0.0.1" in text]
    assert not {"PATH", "HOME"} & set(env)


def test_secret_files_are_behind_a_folder_of_the_owner_alone(tmp_path: Path) -> None:
    site = _site(tmp_path)
    state_dir = StateDir(site.root)

    secretfiles.write(state_dir, site)
    secretfiles.write(state_dir, site)

    assert stat.S_IMODE(state_dir.root.stat().st_mode) == 0o700
    files = {path.name: path for path in folder(state_dir, "secrets").iterdir()}
    assert set(files) == {
        "app.env",
        "postgres_password",
        "clickhouse_password",
        "grafana_password",
        "redis.conf",
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o444}
    assert f"requirepass {site.secrets['REDIS_PASSWORD']}\n" in files["redis.conf"].read_text()


def test_a_setting_of_two_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="GAME_TZ has more than one line"):
        secretfiles.write(StateDir(tmp_path / "dev"), _site(tmp_path, GAME_TZ="a\nJWT_KEYS=mine"))


def test_what_fills_the_file_has_no_secret(tmp_path: Path) -> None:
    site = _site(tmp_path)

    profile = _profile(tmp_path)

    filled = variables(profile, site.ports, "demo")

    assert filled["CCOPS_PORT_KAFKA"] == "30003"
    assert filled["CCOPS_ENV"] == profile.env
    assert not set(site.secrets.values()) & set(filled.values())


def test_a_protected_environment_publishes_no_store(tmp_path: Path) -> None:
    assert any("ports.yml" in word for word in file_options(_profile(tmp_path)))
    assert not any("ports.yml" in word for word in file_options(_profile(tmp_path, protected="1")))


def test_two_homes_never_share_containers(tmp_path: Path) -> None:
    assert project_name(_profile(tmp_path / "a")) != project_name(_profile(tmp_path / "b"))


@pytest.mark.parametrize(
    ("kind", "asked", "on_docker", "wanted"),
    [
        ("embedded", Mode.AUTO, False, Mode.EMBEDDED),
        ("embedded", Mode.COMPOSE, False, Mode.COMPOSE),
        ("embedded", Mode.AUTO, True, Mode.COMPOSE),
        ("compose", Mode.AUTO, False, Mode.COMPOSE),
        ("external", Mode.AUTO, False, Mode.EMBEDDED),
    ],
)
def test_the_mode_is_what_is_asked_for_what_runs_or_what_the_profile_says(
    tmp_path: Path, kind: str, asked: Mode, on_docker: bool, wanted: Mode
) -> None:
    profile = _profile(tmp_path, kind)
    if on_docker:
        profile.state_dir.mkdir(parents=True)
        StateDir(profile.state_dir).compose.write_text("{}")

    assert modes.chosen(profile, asked, "up") is wanted


def test_without_the_embedded_servers_auto_is_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modes, "find_spec", lambda _: None)

    assert modes.chosen(_profile(tmp_path), Mode.AUTO, "up") is Mode.COMPOSE


def test_the_other_mode_is_refused_while_one_runs_and_so_is_an_external_stack(tmp_path: Path) -> None:
    profile = _profile(tmp_path)
    profile.state_dir.mkdir(parents=True)
    StateDir(profile.state_dir).compose.write_text("{}")

    with pytest.raises(Refused) as running:
        modes.chosen(profile, Mode.EMBEDDED, "up")
    with pytest.raises(Refused) as outside:
        modes.chosen(_profile(tmp_path / "other", "external"), Mode.COMPOSE, "up")

    assert running.value.code == "STACK_IN_OTHER_MODE"
    assert running.value.next_step == "ccops down --env dev --mode compose"
    assert outside.value.code == "STACK_EXTERNAL"


def test_stack_env_counts_while_the_stack_is_on_docker(tmp_path: Path) -> None:
    folder_ = tmp_path / "dev"
    folder_.mkdir()
    (folder_ / "stack.env").write_text("CCOPS_BACKEND_URL=http://127.0.0.1:1\n")
    project = Project(ROOT, tmp_path)

    assert load_profile("dev", project, {}).get("CCOPS_BACKEND_URL") == ""
    (folder_ / "compose.json").write_text("{}")
    assert load_profile("dev", project, {}).get("CCOPS_BACKEND_URL") == "http://127.0.0.1:1"


def test_while_the_stack_is_on_docker_nobody_starts_another_beside_it(tmp_path: Path) -> None:
    profile = _profile(tmp_path)
    profile.state_dir.mkdir(parents=True)
    StateDir(profile.state_dir).compose.write_text("{}")

    with pytest.raises(Refused, match="is on Docker") as caught:
        embedded.up(profile)

    assert caught.value.code == "STACK_IN_OTHER_MODE"
