"""`ccops init` from a package laid out as the wheel lays it out, and what works in the folder afterwards."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for sys.path with what the wheel would put there; read from pyproject.toml."""
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "ccops", site / "ccops", ignore=shutil.ignore_patterns("__pycache__"))
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = wheel["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for source, target in included.items():
        (site / target).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, site / target)
    return site


def _env(site: Path, **more: str) -> dict[str, str]:
    clean = {key: text for key, text in os.environ.items() if not key.startswith("CCOPS_")}
    return {**clean, "PYTHONPATH": str(site), "NO_COLOR": "1", "COLUMNS": "120", **more}


def _ran(site: Path, where: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ccops", *words],
        cwd=where, env=_env(site), capture_output=True, text=True, timeout=120, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_what_a_wheel_lays_out_checks_renders_and_validates(installed: Path, tmp_path: Path) -> None:
    words = ("init", "shop", "--backend-url", "https://game.example", "--from-env", "CCOPS_DATABASE_URL")
    planned = _ran(installed, tmp_path, *words, "--dry-run", "-o", "json")
    assert planned.returncode == 0, planned.stderr
    assert list(tmp_path.iterdir()) == []

    made = _ran(installed, tmp_path, *words, "-o", "json")
    assert made.returncode == 0, made.stderr
    data = json.loads(made.stdout)["data"]
    assert data["created"] == json.loads(planned.stdout)["data"]["created"]
    assert (data["profile"], data["not_set"]) == ("env/own.env", ["CCOPS_DATABASE_URL"])

    root = tmp_path / "shop"
    for words in (
        ("env", "check", "--all-envs"),
        ("env", "show", "own"),
        ("rules", "render", "--env", "own"),
        ("rules", "check", "--env", "own"),
        ("smoke", "validate"),
    ):
        done = _ran(installed, root, *words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    # What was found is this folder's and not the package's.
    (root / "env" / "own.env").write_text("CCOPS_STACK=external\n")
    assert _ran(installed, root, "env", "check", "--env", "own").returncode == 1
    again = _ran(installed, tmp_path, "init", "shop")
    assert (again.returncode, "env/own.env" in again.stderr) == (3, True)


def test_on_a_terminal_it_asks_and_takes_no_password(installed: Path, tmp_path: Path) -> None:
    answers = "https://game.example\n\npostgresql://u:hunter22@h/db\n" + "\n" * 7
    code, said = _on_terminal(installed, tmp_path, answers, "init", "shop")

    assert code == 0, said
    assert said.count("PostgreSQL, postgresql://USER@HOST:PORT/DATABASE") == 2
    text = (tmp_path / "shop" / "env" / "own.env").read_text(encoding="utf-8")
    assert "CCOPS_BACKEND_URL=https://game.example\n" in text
    assert "hunter22" not in text

    code, said = _on_terminal(installed, tmp_path, "", "init", "other", "--no-input")
    assert (code, "empty: none" in said) == (0, False)


def _on_terminal(site: Path, where: Path, typed: str, *words: str) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, typed.encode())
        done = subprocess.run(
            [sys.executable, "-m", "ccops", *words],
            cwd=where, env=_env(site), stdin=theirs, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)
    return done.returncode, done.stdout + done.stderr
