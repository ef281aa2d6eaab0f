"""A key that nothing reads is an error with its place and the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccops.core.errors import UsageError
from ccops.core.profile import Profile, Project, find_project, load_profile
from ccops.stack import engine
from ccops.stack.settings import check_overrides, check_profile


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name in ("env", "scenarios"):
        (tmp_path / name).mkdir()
    return Project(tmp_path, tmp_path / "home")


def profile(project: Project, text: str) -> Profile:
    (project.root / "env" / "dev.env").write_text(f"CCOPS_STACK=embedded\n{text}", encoding="utf-8")
    return load_profile("dev", project, {})


def test_every_unknown_key_is_named_at_once_before_anything_starts(project: Project) -> None:
    wrong = profile(project, "GAME_TYZ=UTC\nALERT_X=1\nCCOPS_PORTT_REDIS=7000\nACCESS_TTL_S=2\n")

    with pytest.raises(UsageError) as caught:
        engine.up(wrong, ("redis",))

    assert caught.value.evidence.splitlines() == [
        "env/dev.env:2: GAME_TYZ: did you mean GAME_TZ?",
        "env/dev.env:4: CCOPS_PORTT_REDIS: did you mean CCOPS_PORT_REDIS?",
    ]
    assert not project.home.exists()


def test_our_own_environments_are_clean() -> None:
    for env in ("dev", "staging", "prod"):
        check_profile(load_profile(env, find_project(), {}))


def test_a_setting_that_the_backend_has_not_is_refused(project: Project) -> None:
    good = profile(project, "")
    check_overrides(good, ["ACCESS_TTL_S"])
    with pytest.raises(UsageError) as caught:
        check_overrides(good, ["ACCESS_TTL"])
    assert "did you mean ACCESS_TTL_S?" in caught.value.evidence


def test_another_contract_that_is_not_there_is_said(project: Project) -> None:
    with pytest.raises(UsageError, match=r"settings\.json"):
        check_profile(profile(project, "CCOPS_CONTRACT=/nowhere\n"))
