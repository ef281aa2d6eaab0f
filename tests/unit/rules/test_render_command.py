"""`ccops rules render`: what it writes, what it compares, and what it says."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ccops.__main__ import main
from ccops.core.errors import UsageError
from ccops.rules import writing
from ccops.rules.writing import compare, write_all
from tests.unit.rules.rule_project import project_in

STAMPED = "# Rendered for prod by `ccops rules render`.\ngroups: []\n"


def run(folder: Path, *args: str) -> int:
    return main(["rules", "render", "--project", str(folder / "p"), *args])


def test_it_writes_once_and_then_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project_in(tmp_path / "p")
    out = tmp_path / "out"

    assert run(tmp_path, "--env", "prod", "--out", str(out)) == 0
    assert "1 written" in capsys.readouterr().out
    at = (out / "things.yml").stat().st_mtime_ns
    assert run(tmp_path, "--env", "prod", "--out", str(out)) == 0
    assert "nothing differs" in capsys.readouterr().out
    assert (out / "things.yml").stat().st_mtime_ns == at
    assert [path.name for path in out.iterdir()] == ["things.yml"]


def test_check_writes_nothing_and_ends_with_1_when_something_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project_in(tmp_path / "p")
    out = tmp_path / "out"

    assert run(tmp_path, "--env", "prod", "--out", str(out), "--check") == 1
    assert not out.exists()
    run(tmp_path, "--env", "prod", "--out", str(out))
    assert run(tmp_path, "--env", "prod", "--out", str(out), "--check") == 0
    (out / "things.yml").write_text((out / "things.yml").read_text().replace("> 30", "> 31"))
    assert run(tmp_path, "--env", "prod", "--out", str(out), "--check") == 1
    assert "RULES_STALE" in capsys.readouterr().err
    assert "> 31" in (out / "things.yml").read_text()


def test_a_file_that_is_no_longer_made_goes_and_a_foreign_one_stays(tmp_path: Path) -> None:
    project_in(tmp_path / "p")
    out = tmp_path / "out"
    out.mkdir()
    (out / "old.yml").write_text(STAMPED)
    (out / "mine.yml").write_text("groups: []\n")

    assert run(tmp_path, "--env", "prod", "--out", str(out), "--check") == 1
    assert run(tmp_path, "--env", "prod", "--out", str(out)) == 0
    assert sorted(path.name for path in out.iterdir()) == ["mine.yml", "things.yml"]


def test_all_environments_go_into_folders_of_their_own(tmp_path: Path) -> None:
    project_in(tmp_path / "p")

    assert run(tmp_path, "--all-envs", "--out", str(tmp_path / "out")) == 0
    assert "> 20\n" in (tmp_path / "out" / "dev" / "things.yml").read_text()
    assert "> 30\n" in (tmp_path / "out" / "prod" / "things.yml").read_text()


def test_the_origin_of_each_value_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project_in(tmp_path / "p", prod="ALERT_A=40\n")

    assert run(tmp_path, "--env", "prod", "-o", "json") == 0
    told = json.loads(capsys.readouterr().out)["data"]["environments"][0]["thresholds"]
    assert told == [{"name": "ALERT_A", "value": "40", "unit": "things", "origin": "env/prod.env:2"}]
    run(tmp_path, "--env", "prod", "--set", "ALERT_A=41")
    line = capsys.readouterr().out.splitlines()[1].split()
    assert line == ["ALERT_A", "41", "--set", "things"]


def test_the_process_environment_is_said_to_be_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project_in(tmp_path / "p")
    monkeypatch.setenv("ALERT_A", "1")

    assert run(tmp_path, "--env", "prod", "--out", str(tmp_path / "out")) == 0
    assert "THRESHOLD_UNREAD" in capsys.readouterr().err
    assert "> 30\n" in (tmp_path / "out" / "things.yml").read_text()


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--check"], 2, "--out is missing"),
        (["--set", "ALERT_A"], 2, "is no NAME=VALUE"),
        (["--set", "ALERT_A=1", "--set", "ALERT_A=2"], 2, "is there twice"),
        (["--set", "ALERT_AA=1"], 2, "did you mean ALERT_A?"),
        (["--set", "ALERT_A=x"], 2, "--set: ALERT_A"),
        (["--time-scale", "2"], 2, "at most 1"),
        (["--time-scale", "0.05"], 3, "protected"),
    ],
)
def test_a_wrong_call_is_told(
    tmp_path: Path, args: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    project_in(tmp_path / "p")

    assert run(tmp_path, "--env", "prod", *args) == code
    assert said in capsys.readouterr().err


def test_a_project_without_templates_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("scenarios", "env"):
        (tmp_path / "p" / name).mkdir(parents=True)
    (tmp_path / "p" / "env" / "prod.env").write_text("")

    assert run(tmp_path, "--env", "prod") == 2
    assert "TEMPLATES_MISSING" in capsys.readouterr().err


def test_a_full_disk_leaves_every_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two files can't be written: the first must not have been replaced either."""
    write_all({tmp_path: {"a.yml": STAMPED, "b.yml": STAMPED}})
    real, seen = writing._beside, []

    def full(target: Path, text: str) -> Path:
        seen.append(target)
        if len(seen) == 2:
            raise OSError(28, "No space left on device")
        return real(target, text)

    monkeypatch.setattr(writing, "_beside", full)
    with pytest.raises(UsageError, match="can't be written"):
        write_all({tmp_path: {"a.yml": "new\n", "b.yml": "new\n"}})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yml", "b.yml"]
    assert (tmp_path / "a.yml").read_text() == STAMPED


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")

    with pytest.raises(UsageError, match="can't be written"):
        write_all({tmp_path / "out": {"a.yml": "x"}})


def _hand_written(path: Path) -> None:
    path.write_text("groups: [] # mine\n")


def _linked(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    elsewhere.write_text(STAMPED)
    path.symlink_to(elsewhere)


def _identity(path: Path) -> tuple[int, ...]:
    """Return which file it is, of which kind, and when it was written; looking at it changes its atime."""
    seen = path.lstat()
    return seen.st_ino, seen.st_mode, seen.st_size, seen.st_mtime_ns


@pytest.mark.parametrize("make", [_hand_written, _linked, Path.mkdir, os.mkfifo])
def test_a_file_of_somebody_else_under_our_name_is_refused_and_stays(
    tmp_path: Path, make: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    project_in(tmp_path / "p")
    out = tmp_path / "out"
    out.mkdir()
    make(out / "things.yml")
    before = _identity(out / "things.yml")

    assert run(tmp_path, "--env", "prod", "--out", str(out)) == 3
    assert "RULES_FOREIGN_FILE" in capsys.readouterr().err
    assert _identity(out / "things.yml") == before


def test_what_a_crash_left_empty_is_written_again(tmp_path: Path) -> None:
    project_in(tmp_path / "p")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "things.yml").write_bytes(b"")

    assert run(tmp_path, "--env", "prod", "--out", str(tmp_path / "out")) == 0


def test_comparing_sees_only_what_is_ours(tmp_path: Path) -> None:
    (tmp_path / "foreign.yml").write_text("x")

    assert compare(tmp_path, {}).none
