"""A new project: whole or not at all, nothing overwritten, no password in any file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Project, packaged_project
from ccops.profiles import newproject
from ccops.profiles.check import check_envs
from ccops.profiles.firstprofile import FROM_PROCESS, TARGETS, First, wrong
from ccops.profiles.newproject import carried_out, planned
from ccops.rules.project import environments

OWN = First("own", targets={"CCOPS_BACKEND_URL": "https://game.example"})


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _made(folder: Path, first: First = OWN) -> Path:
    carried_out(planned(folder, first))
    return folder


def test_a_new_folder_has_everything_and_every_profile_passes_its_check(tmp_path: Path) -> None:
    root = _made(tmp_path / "ops" / "shop")

    there = set(_tree(root))
    assert {"docker-compose.yml", "compose/entry.sh", "env/own.env", "scenarios/journey.yaml"} <= there
    assert os.access(root / "compose" / "entry.sh", os.X_OK)
    assert not any("__pycache__" in name or name.startswith("compose/secrets") for name in there)
    project = Project(root, root / ".ccops")
    assert environments(project) == ("dev", "own", "prod", "staging")
    issues = check_envs(project, environments(project))
    assert {one.code for one in issues} == {"ENV_TARGET_MISSING"}  # a note about the protected one
    assert [path.name for path in root.parent.iterdir()] == ["shop"]


@pytest.mark.parametrize("env", ["own", "staging", "prod", "dev"])
@pytest.mark.parametrize("protected", [False, True])
def test_a_first_profile_of_any_name_passes_the_check(tmp_path: Path, env: str, protected: bool) -> None:
    root = _made(tmp_path / "new", First(env, protected))

    found = check_envs(Project(root, root / ".ccops"), [env])
    assert [one.code for one in found if one.severity != "note"] == []


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    root = _made(tmp_path / "new")
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}

    plan = planned(root, OWN)
    carried_out(plan)

    assert plan.create == ()
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_what_is_missing_is_added_beside_files_of_somebody_else(tmp_path: Path) -> None:
    root = _made(tmp_path / "new")
    (root / "scenarios" / "journey.yaml").unlink()
    (root / "scenarios" / "mine.yaml").write_text("mine")
    (root / ".gitignore").write_text("theirs")

    plan = planned(root, OWN)
    carried_out(plan)

    assert plan.create == ("scenarios/journey.yaml",)
    assert (root / "scenarios" / "journey.yaml").is_file()
    assert (root / "scenarios" / "mine.yaml").read_text() == "mine"
    assert (root / ".gitignore").read_text() == "theirs"
    assert not list(root.glob(".ccops-init-*"))


def test_files_that_differ_are_listed_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "own.env").write_text("CCOPS_STACK=external\n")
    (tmp_path / "scenarios").symlink_to("/nowhere")
    before = _tree(tmp_path)

    with pytest.raises(Refused) as refused:
        planned(tmp_path, OWN)

    assert refused.value.code == "INIT_EXISTS"
    assert refused.value.evidence.splitlines() == [
        str(tmp_path / "env" / "own.env"),
        str(tmp_path / "scenarios"),
    ]
    assert _tree(tmp_path) == before


def test_a_file_that_comes_in_between_is_kept_and_what_was_added_is_taken_away(tmp_path: Path) -> None:
    root = tmp_path / "there"
    root.mkdir()
    plan = planned(root, OWN)
    (root / "scenarios").mkdir()
    (root / "scenarios" / "journey.yaml").write_text("mine")

    with pytest.raises(Refused, match="can't be written"):
        carried_out(plan)

    assert _tree(root) == {"scenarios/journey.yaml": b"mine"}
    assert [path.name for path in root.iterdir()] == ["scenarios"]


def test_an_interrupt_leaves_no_half_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "there"
    root.mkdir()
    plan, real = planned(root, OWN), newproject._place

    def interrupted(source: Path, target: Path) -> None:
        if target.name == "journey.yaml":
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(newproject, "_place", interrupted)
    with pytest.raises(KeyboardInterrupt):
        carried_out(plan)

    assert list(root.iterdir()) == []


def test_a_folder_under_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Refused, match="differ"):
        planned(tmp_path / "file", OWN)
    with pytest.raises(Refused, match="can't be written"):
        carried_out(planned(tmp_path / "file" / "below", OWN))


def test_a_file_system_without_links_is_no_reason_to_replace_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", without)
    root = tmp_path / "there"
    root.mkdir()
    _made(root)
    assert os.access(root / "compose" / "entry.sh", os.X_OK)

    (root / "env" / "own.env").unlink()
    plan = planned(root, OWN)
    (root / "env" / "own.env").write_text("mine")
    with pytest.raises(Refused):
        carried_out(plan)
    assert (root / "env" / "own.env").read_text() == "mine"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("CCOPS_DATABASE_URL", "postgresql://u:hunter22@h/db"),
        ("CCOPS_CLICKHOUSE_URL", "http://h:8123/?user=u&password=hunter22"),
        ("CCOPS_BACKEND_URL", "ftp://h"),
        ("CCOPS_BACKEND_URL", "https://h\nCCOPS_PROTECTED=0"),
        ("CCOPS_KAFKA_BOOTSTRAP", "h"),
    ],
)
def test_an_address_that_can_not_stand_there_is_refused_and_not_repeated(key: str, text: str) -> None:
    why = wrong(key, text)

    assert why
    assert "hunter22" not in why
    with pytest.raises(UsageError) as refused:
        planned(Path("/nowhere"), First("own", targets={key: text}))
    assert "hunter22" not in f"{refused.value.message}{refused.value.evidence}"


def test_an_address_without_a_password_stands(tmp_path: Path) -> None:
    good = {key: "kafka:9092" for key in TARGETS if "KAFKA" in key}
    good |= {"CCOPS_DATABASE_URL": "postgresql://me@h:5432/db", "CCOPS_REDIS_URL": "rediss://h:1/0"}

    root = _made(tmp_path / "new", First("own", targets=good))

    text = (root / "env" / "own.env").read_text()
    assert all(f"\n{key}={value}\n" in text for key, value in good.items())


def test_what_is_left_to_the_process_is_named_without_a_value(tmp_path: Path) -> None:
    root = _made(tmp_path / "new", First("own", from_process=("CCOPS_DATABASE_URL", "CCOPS_ADMIN_PASSWORD")))

    text = (root / "env" / "own.env").read_text()
    assert "# CCOPS_DATABASE_URL is taken from the process environment\n" in text
    assert "# CCOPS_ADMIN_PASSWORD is taken from the process environment\n" in text


@pytest.mark.parametrize(
    "first",
    [
        First("Own"),
        First("../own"),
        First("own", from_process=("PATH",)),
        First("own", protected=True, from_process=("CCOPS_DATABASE_URL",)),
        First("own", targets=OWN.targets, from_process=("CCOPS_BACKEND_URL",)),
    ],
)
def test_a_profile_that_can_not_be_is_refused(first: First) -> None:
    with pytest.raises(UsageError) as refused:
        planned(Path("/nowhere"), first)
    assert refused.value.code == "INIT_INVALID"


def test_a_protected_profile_may_leave_its_administrator_to_the_process() -> None:
    left = tuple(key for key in FROM_PROCESS if key not in TARGETS)

    assert planned(Path("/nowhere"), First("live", protected=True, from_process=left)).create


def test_the_folder_of_the_source_itself_gets_the_profile_only() -> None:
    plan = planned(packaged_project(), OWN)

    assert plan.create == ("env/own.env",)
