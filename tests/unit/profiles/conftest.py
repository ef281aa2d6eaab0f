"""A project of three profiles that pass, to be spoilt line by line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ccops.core.output import Issue
from ccops.core.profile import Project
from ccops.profiles.check import check_envs
from tests.conftest import ROOT

LINES = {
    "dev": ["CCOPS_STACK=embedded", "CCOPS_PROTECTED=0", "APP_ENV=dev", "UNLIMITED_INVITE_CODE=5858"],
    "staging": ["CCOPS_STACK=external", "CCOPS_PROTECTED=0", "APP_ENV=staging"],
    "prod": ["CCOPS_STACK=external", "CCOPS_PROTECTED=1", "APP_ENV=prod", "MOCK_GATEWAY=0"],
}


@dataclass(frozen=True)
class Checked:
    """A project and what its files say."""

    project: Project

    def add(self, env: str, *lines: str) -> None:
        """Put `lines` behind those of env/ENV.env."""
        with self.path(env).open("a", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in lines)

    def drop(self, env: str, key: str) -> None:
        kept = [line for line in self.path(env).read_text().splitlines() if not line.startswith(f"{key}=")]
        self.path(env).write_text("\n".join(kept) + "\n")

    def path(self, env: str) -> Path:
        return self.project.root / "env" / f"{env}.env"

    def issues(self, *envs: str) -> list[Issue]:
        return [one for one in check_envs(self.project, envs) if one.severity != "note"]


@pytest.fixture
def files(tmp_path: Path) -> Checked:
    (tmp_path / "env").mkdir()
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "rules_templates").mkdir()
    shutil.copy(ROOT / "rules_templates" / "thresholds.yml", tmp_path / "rules_templates")
    for env, lines in LINES.items():
        (tmp_path / "env" / f"{env}.env").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Checked(Project(tmp_path, tmp_path / "home"))


@pytest.fixture
def codes(files: Checked) -> Callable[..., list[tuple[str, str]]]:
    """`codes(env, *lines)`: code and place of what these lines add to a passing file."""

    def found(env: str, *lines: str) -> list[tuple[str, str]]:
        files.add(env, *lines)
        return [(one.code, one.where) for one in files.issues(env)]

    return found
