"""`env show` and `env diff`: origins, defaults, and no secret in any format."""

from __future__ import annotations

import json

import pytest

from ccops.__main__ import main
from ccops.core.profile import Profile, Value, load_profile
from ccops.profiles.kinds import default_of
from ccops.profiles.known import settings_of
from ccops.profiles.live import compared, live_issues

SECRET = "0123456789abcdef-hunter2"


@pytest.fixture
def env(files, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    for key in ("CCOPS_HOME", "CCOPS_PROMETHEUS_URL", "CCOPS_ENV"):
        monkeypatch.delenv(key, raising=False)

    def run(*args: str) -> tuple[int, str, str]:
        code = main(["env", *args, "--project", str(files.project.root)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_every_value_is_shown_with_its_origin(env, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCOPS_LANG", "ko")
    code, out, _ = env("show", "dev")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert code == 0
    assert rows["APP_ENV"] == ["dev", "env/dev.env:3"]
    assert rows["CCOPS_LANG"] == ["ko", "process"]
    assert rows["ALERT_PENDING_SPIKE_THRESHOLD"] == ["20", "default"]
    assert "POOL_SIZE" not in rows
    found = json.loads(env("show", "dev", "--defaults", "-o", "json")[1])["data"]["values"]
    assert {
        "key": "POOL_SIZE",
        "owner": "backend",
        "value": "16",
        "origin": "default",
        "secret": False,
    } in found


@pytest.mark.parametrize("form", ["text", "json", "yaml", "md"])
def test_no_format_shows_a_secret(env, files, form: str) -> None:
    files.add("dev", f"WEBHOOK_SECRETS={SECRET}", f"DATABASE_URL=postgresql://app:{SECRET}@db:5432/x")
    files.add("dev", f"CCOPS_REDIS_URL=redis://:{SECRET}@cache:6379/0", f"CCOPS_ADMIN_PASSWORD={SECRET}")
    files.add("dev", f"webhook_secrets={SECRET}", f"CCOPS_DATABASE_URL=postgresql://db/x?password={SECRET}")
    files.add("staging", f"WEBHOOK_SECRETS={SECRET}2")
    for args in (("show", "dev"), ("diff", "dev", "staging"), ("check", "--env", "dev")):
        _, out, err = env(*args, "-o", form)
        assert SECRET not in out + err
        assert "hunter" not in out + err
    shown = env("show", "dev")[1]
    assert "postgresql://***@db:5432/x" in shown
    assert "redis://:***@cache:6379/0" in shown


def test_a_line_that_is_none_does_not_tell_what_was_meant(env, files) -> None:
    files.add("dev", f"WEBHOOK_SECRETS = {SECRET}")
    code, out, err = env("show", "dev")
    assert code == 2
    assert "'WEBHOOK_SECRETS' begins none" in err
    assert "hunter" not in out + err


def test_what_means_the_same_is_no_difference(env, files) -> None:
    files.path("staging").write_text(files.path("dev").read_text())
    files.add("dev", "MOCK_GATEWAY=1", "ALERT_LOCKOUT_MAX=10", "POOL_SIZE=16", f"WEBHOOK_SECRETS={SECRET}")
    files.add("staging", "MOCK_GATEWAY=yes", "ALERT_LOCKOUT_MAX=10.0", f"WEBHOOK_SECRETS={SECRET}")
    found = json.loads(env("diff", "dev", "staging", "-o", "json")[1])["data"]["differences"]
    keys = {one["key"] for one in found}
    assert not keys & {"MOCK_GATEWAY", "ALERT_LOCKOUT_MAX", "POOL_SIZE", "WEBHOOK_SECRETS", "APP_ENV"}
    assert "ALERT_PENDING_SPIKE_THRESHOLD" in keys


def test_differences_end_with_one_and_none_with_zero(env, files) -> None:
    files.add("dev", f"WEBHOOK_SECRETS={SECRET}")
    code, out, _ = env("diff", "dev", "prod")
    assert code == 1
    assert any(line.split() == ["MOCK_GATEWAY", "1", "(default)", "0"] for line in out.splitlines())
    assert any(line.split() == ["WEBHOOK_SECRETS", "***", "(not", "set)"] for line in out.splitlines())
    assert env("diff", "dev", "dev")[0] == 0
    assert "| CCOPS_STACK | embedded | external |" in env("diff", "dev", "prod", "-o", "md")[1]


def test_check_counts_and_ends_with_its_findings(env, files) -> None:
    code, out, err = env("check", "--all-envs")
    assert (code, out.count(" ok"), "note[ENV_TARGET_MISSING]" in err) == (0, 3, True)
    files.add("dev", "LOCKOUT_FAILURES=0")
    code, out, err = env("check", "--env", "dev")
    assert (code, "1 finding(s)" in out) == (1, True)
    assert "env/dev.env:5: error[ENV_VALUE_INVALID]: LOCKOUT_FAILURES is below" in err
    assert env("check", "--all-envs", "--live")[0] == 2
    assert env("check", "--env", "nope")[0] == 2


def test_thresholds_in_the_process_are_named(env, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_LOCKOUT_MAX", "3")
    code, _, err = env("check", "--env", "dev")
    assert (code, "THRESHOLD_UNREAD" in err) == (0, True)


def running(profile: Profile, **changed: object) -> dict[str, object]:
    declared = settings_of(profile.project, profile.values)
    found = {key: default_of(one) for key, one in declared.items() if not one.get("secret")}
    return found | {"APP_ENV": "dev", "UNLIMITED_INVITE_CODE": "5858", "HTTP_PORT": 23_456} | changed


def test_a_backend_that_runs_with_something_else_is_told(files) -> None:
    files.add("dev", "SIGNUP_GOLD=1000", "LOCKOUT_FAILURES=7")
    profile = load_profile("dev", files.project, {})
    found = live_issues(profile, running(profile, ENABLE_LEGACY_GAMES_WS=True, PROTECTED=True))
    assert [(one.code, one.message.split()[0], one.where) for one in found] == [
        ("ENV_LIVE_DIFFERS", "ENABLE_LEGACY_GAMES_WS", "env/dev.env"),
        ("ENV_LIVE_DIFFERS", "LOCKOUT_FAILURES", "env/dev.env:6"),
        ("ENV_LIVE_DIFFERS", "PROTECTED", "env/dev.env"),
    ]
    assert live_issues(profile, running(profile, LOCKOUT_FAILURES=7)) == ()
    looked = compared(profile, running(profile))
    assert "SIGNUP_GOLD" in looked
    assert "HTTP_PORT" not in looked


def test_another_version_of_the_backend_is_told(files) -> None:
    profile = load_profile("dev", files.project, {})
    live = running(profile, NEW_KNOB=1)
    del live["SIGNUP_GOLD"]
    found = live_issues(profile, live)
    assert [(one.code, one.severity) for one in found] == [
        ("ENV_LIVE_UNKNOWN", "error"),
        ("ENV_LIVE_UNKNOWN", "note"),
    ]


def test_a_port_that_an_outside_profile_names_is_compared(files) -> None:
    files.add("staging", "HTTP_PORT=8000")
    profile = load_profile("staging", files.project, {})
    found = live_issues(profile, running(profile, APP_ENV="staging", UNLIMITED_INVITE_CODE=""))
    assert ["HTTP_PORT is 23456" in one.message for one in found] == [True]
    assert isinstance(profile.values["HTTP_PORT"], Value)
