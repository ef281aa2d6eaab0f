"""Which stack the contract suites may be pointed at: one that says where it is and that nobody protects."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccops.core.errors import Refused, UsageError
from tests.suite_stack import VARIABLE, suite_stack

TARGETS = "CCOPS_KAFKA_BOOTSTRAP=k:9092\nCCOPS_CLICKHOUSE_URL=http://u:p@c:8123/casino\n"


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    folder = tmp_path / "env"
    folder.mkdir()
    (folder / "dev.env").write_text("CCOPS_PROTECTED=0\nCCOPS_KAFKA_BOOTSTRAP=k:9092\n")
    (folder / "live.env").write_text("CCOPS_PROTECTED=1\nCCOPS_KAFKA_BOOTSTRAP=live:9092\n")
    return folder


def _written(folder: Path, text: str) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    (folder / "stack.env").write_text(text)
    return {VARIABLE: str(folder / "stack.env")}


def test_without_the_variable_there_is_none(profiles: Path) -> None:
    assert suite_stack({}, profiles) is None
    assert suite_stack({VARIABLE: ""}, profiles) is None


def test_the_targets_of_a_stack_that_nobody_protects_are_taken(tmp_path: Path, profiles: Path) -> None:
    found = suite_stack(_written(tmp_path / "dev", TARGETS), profiles)

    assert found is not None
    assert found["CCOPS_KAFKA_BOOTSTRAP"] == "k:9092"


@pytest.mark.parametrize("text", ["", "CCOPS_BACKEND_URL=http://b\n", "CCOPS_KAFKA_BOOTSTRAP=\n"])
def test_a_file_without_a_target_is_a_mistake(tmp_path: Path, profiles: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        suite_stack(_written(tmp_path / "dev", text), profiles)
    assert caught.value.code == "SUITE_STACK_EMPTY"


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path, profiles: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        suite_stack({VARIABLE: str(tmp_path / "none")}, profiles)


@pytest.mark.parametrize(
    ("folder", "text", "environ"),
    [
        ("dev", TARGETS + "CCOPS_PROTECTED=1\n", {}),
        ("live", TARGETS, {}),
        ("dev", TARGETS, {"CCOPS_ENV": "live"}),
        ("dev", TARGETS.replace("k:9092", "live:9092"), {}),
    ],
    ids=["it says so", "its folder is the profile's", "the chosen profile", "it has the profile's broker"],
)
def test_a_protected_stack_is_refused(
    tmp_path: Path, profiles: Path, folder: str, text: str, environ: dict[str, str]
) -> None:
    with pytest.raises(Refused) as caught:
        suite_stack(environ | _written(tmp_path / folder, text), profiles)
    assert caught.value.code == "SUITE_STACK_PROTECTED"


def test_the_project_around_the_file_is_asked_too(tmp_path: Path) -> None:
    project, elsewhere = tmp_path / "game", tmp_path / "none"
    (project / "env").mkdir(parents=True)
    (project / "env" / "eu.env").write_text("CCOPS_PROTECTED=1\n")
    (project / ".ccops" / "eu").mkdir(parents=True)

    with pytest.raises(Refused):
        suite_stack(_written(project / ".ccops" / "eu", TARGETS), elsewhere)
