"""Profiles: precedence, origins, and every bad line at once."""

import os
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccops.core.errors import UsageError
from ccops.core.profile import Project, find_project, load_profile, parse_env_file, supervisor_of


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "env").mkdir()
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "env" / "dev.env").write_text(
        "CCOPS_STACK=embedded\nAPP_ENV=dev\nCCOPS_BACKEND_URL=http://file\n"
    )
    (tmp_path / "env" / "prod.env").write_text("CCOPS_PROTECTED=1\nCCOPS_BACKEND_URL=http://prod\n")
    return Project(tmp_path, tmp_path / ".ccops")


def _stack_env(project: Project, pid: int, started: float) -> None:
    folder = project.home / "dev"
    folder.mkdir(parents=True)
    (folder / "stack.env").write_text("CCOPS_BACKEND_URL=http://stack\n")
    (folder / "state.json").write_text(f'{{"supervisor": {{"pid": {pid}, "started": {started}}}}}')


def test_the_process_environment_wins_over_the_file(project: Project) -> None:
    profile = load_profile("dev", project, {"CCOPS_BACKEND_URL": "http://process"})
    assert profile.get("CCOPS_BACKEND_URL") == "http://process"
    assert profile.values["CCOPS_BACKEND_URL"].origin == "process"


def test_a_protected_profile_never_takes_its_targets_from_the_process_environment(project: Project) -> None:
    environ = {"CCOPS_BACKEND_URL": "http://elsewhere", "CCOPS_PROTECTED": "0", "CCOPS_LANG": "ko"}
    profile = load_profile("prod", project, environ)
    assert profile.get("CCOPS_BACKEND_URL") == "http://prod"
    assert profile.protected
    assert profile.get("CCOPS_LANG") == "ko"


def test_stack_env_counts_while_its_supervisor_lives(project: Project) -> None:
    me = psutil.Process()
    _stack_env(project, me.pid, me.create_time())
    assert load_profile("dev", project, {}).get("CCOPS_BACKEND_URL") == "http://stack"


def test_stack_env_of_a_recycled_pid_is_ignored(project: Project) -> None:
    _stack_env(project, os.getpid(), psutil.Process().create_time() - 1_000)
    assert load_profile("dev", project, {}).get("CCOPS_BACKEND_URL") == "http://file"
    assert supervisor_of(project.home / "dev") is None


def test_an_unknown_environment_names_the_nearest_one(project: Project) -> None:
    with pytest.raises(UsageError) as caught:
        load_profile("prd", project, {})
    assert caught.value.next_step == "--env prod"


@pytest.mark.parametrize("name", ["../dev", "", "DEV", "dev.env", "a/b"])
def test_a_name_that_is_no_name_is_refused(project: Project, name: str) -> None:
    with pytest.raises(UsageError):
        load_profile(name, project, {})


def test_every_bad_line_is_listed_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.env"
    path.write_text("A=1\nnonsense\nA=2\n=3\n# fine\nexport B='two words'\n")
    with pytest.raises(UsageError) as caught:
        parse_env_file(path, "x.env")
    assert [line.split(":")[1] for line in caught.value.evidence.splitlines()] == ["2", "3", "4"]


def test_a_value_outside_its_set_is_refused_with_its_line(project: Project) -> None:
    (project.root / "env" / "dev.env").write_text("CCOPS_PROTECTED=yes\n")
    with pytest.raises(UsageError) as caught:
        load_profile("dev", project, {})
    assert "env/dev.env:1" in caught.value.evidence


def test_only_backend_settings_reach_the_backend(project: Project) -> None:
    (project.root / "env" / "dev.env").write_text("CCOPS_STACK=embedded\nALERT_X=1\nSLO_Y=2\nGAME_TZ=UTC\n")
    assert load_profile("dev", project, {"HOME": "/x"}).backend_settings() == {"GAME_TZ": "UTC"}


@given(text=st.text(max_size=200))
def test_any_text_is_parsed_or_refused_but_never_breaks(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("env") / "x.env"
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        keys = set(parse_env_file(path, "x.env"))
    except UsageError:
        keys = set()
    assert all(key.isidentifier() for key in keys)


def test_the_repository_root_is_the_packaged_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert (find_project().root / "scenarios").is_dir()


def test_a_folder_without_a_project_is_refused_when_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        find_project(tmp_path)
