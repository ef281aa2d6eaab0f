"""The workflows are valid, pinned, may do little, and call only commands that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ccops.__main__ import COMMANDS
from ccops.gate.model import Stage

ROOT = Path(__file__).resolve().parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
_BIN = Path(sys.executable).parent


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_something_to_look_at() -> None:
    assert WORKFLOWS
    assert ACTIONS


@pytest.mark.parametrize(("kind", "paths"), [("github-workflows", WORKFLOWS), ("github-actions", ACTIONS)])
def test_they_are_of_githubs_schema(kind: str, paths: list[Path]) -> None:
    _run(str(_BIN / "check-jsonschema"), "--builtin-schema", f"vendor.{kind}", *map(str, paths))


def test_the_security_linter_finds_nothing_of_weight() -> None:
    _run(str(_BIN / "zizmor"), "--offline", "--no-progress", "--min-severity", "medium", ".github")


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.parent.name)
def test_actions_of_others_are_official_and_pinned_by_commit(path: Path) -> None:
    for used in re.findall(r"uses: *(\S+)", path.read_text(encoding="utf-8")):
        official = re.fullmatch(r"actions/(checkout|setup-python|upload-artifact)@[0-9a-f]{40}", used)
        assert official or used.startswith("./"), used


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_job_may_only_read_unless_it_says_why(path: Path) -> None:
    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert plain["permissions"] == {}
    for name, job in plain["jobs"].items():
        writes = {what for what, may in job["permissions"].items() if may == "write"}
        assert writes <= {"pull-requests"}, name
        assert job["timeout-minutes"] <= 60


@pytest.mark.parametrize(
    "path", [*WORKFLOWS, *ACTIONS, ROOT / "docs" / "ci.md", ROOT / ".ci" / "run"], ids=lambda path: path.name
)
def test_every_command_that_is_called_exists(path: Path) -> None:
    called = re.findall(r"(?:^|[\s`/])ccops ([a-z]+)\b", path.read_text(encoding="utf-8"))
    assert set(called) - {"in", "gate"} <= set(COMMANDS)
    stages = re.findall(r"gate --stage ([a-z]+)", path.read_text(encoding="utf-8"))
    assert set(stages) <= set(Stage)
