"""A typo in a rules file stops the start with the file and the key, not the first request that needs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ccops.backend import rules
from ccops.backend.rules.reader import FOLDER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in FOLDER.glob("*.yml"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def spoil(folder: Path, name: str, old: str, new: str) -> str:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(rules.RulesInvalid) as caught:
        rules.check(folder)
    return str(caught.value)


def test_the_files_as_they_are_pass() -> None:
    rules.check()


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("rewards.yml", "DAILY: [100, 120", "DAILY: [100, '120'", "rewards.yml: streak.DAILY[1]: "),
        ("rewards.yml", "DAILY: [100, 120", "DAILY: [100, 0", "rewards.yml: streak.DAILY[1]: "),
        ("rewards.yml", "DAILY: [100, 120", "DAILY: [100, 1.5", "rewards.yml: streak.DAILY[1]: "),
        ("rewards.yml", "DAILY: [100, 120", "DAILY: [true, 120", "rewards.yml: streak.DAILY[0]: "),
        ("rewards.yml", "streak:", "steak:", "rewards.yml: streak: Field required"),
        ("rewards.yml", "streak:", "steak:", "rewards.yml: steak: Extra inputs"),
        ("rewards.yml", "    premium:", "    premum:", "rewards.yml: battle_pass.default.premum: Extra"),
        ("rewards.yml", "  default:", "  S1:", "battle_pass.default is missing"),
        (
            "rewards.yml",
            "    free: [50,",
            "    free: [1, 1, 50,",
            "battle_pass.default.free: rewards level 11",
        ),
        ("rewards.yml", "  DAILY: [", "  DAILY: [1]\n  DAILY: [", "rewards.yml:5: DAILY is there twice"),
        ("rewards.yml", "  DAILY: [", "  DAILY: [[", "rewards.yml:5: "),
        ("progression.yml", "streak_claim: 50", "steak_claim: 50", "earn.streak_claim: Field required"),
        ("progression.yml", "slot_round: 10", "slot_round: -1", "progression.yml: earn.slot_round: "),
        ("progression.yml", "slot_round: 10", "slot_round: 10\n  new_game: ten", "earn.new_game: "),
        ("progression.yml", "[100, 250", "[250, 100", "levels[1] (100) must be above levels[0] (250)"),
        ("paytables.yml", "slot:", "slots:", "paytables.yml: slot: Field required"),
    ],
)
def test_a_mistake_is_said_with_its_file_and_key(
    folder: Path, name: str, old: str, new: str, said: str
) -> None:
    assert said in spoil(folder, name, old, new)


def test_every_mistake_of_a_file_is_said(folder: Path) -> None:
    said = spoil(folder, "progression.yml", "event_claim: 100", "event_claim: x\n  other: y").splitlines()
    assert len(said) == 2


def test_a_file_that_is_gone_or_empty_is_said(folder: Path) -> None:
    (folder / "progression.yml").write_text("", encoding="utf-8")
    with pytest.raises(rules.RulesInvalid, match=r"^progression\.yml: Input should be"):
        rules.check(folder)
    (folder / "progression.yml").unlink()
    with pytest.raises(rules.RulesInvalid, match=r"^progression\.yml: can't be read"):
        rules.check(folder)


def test_the_backend_does_not_start_with_a_wrong_file(folder: Path) -> None:
    spoil(folder, "rewards.yml", "DAILY: [100", "DAILY: [-100")
    start = (
        "import pathlib, sys\n"
        "from ccops.backend import rules, serve\n"
        "real = rules.check\n"
        "rules.check = lambda: real(pathlib.Path(sys.argv[1]))\n"
        "sys.exit(serve.main())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", start, str(folder)],
        capture_output=True,
        text=True,
        timeout=30,
        env={"PATH": os.environ["PATH"]},
        check=False,
    )

    assert ran.returncode == 2
    assert ran.stderr.startswith("rewards.yml: streak.DAILY[0]: ")
    assert "Traceback" not in ran.stderr
