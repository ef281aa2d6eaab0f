"""What a run of the gate stands on: the project, its commit, the tools' versions."""

from __future__ import annotations

import platform
from pathlib import Path

from ccops import __version__
from ccops.core.clock import Clock
from ccops.core.git import git
from ccops.core.profile import Project
from ccops.gate.run import Ground


def ground_of(env: str, project: Project, clock: Clock) -> Ground:
    """Return the ground of `project`; the evidence lies in its home, one folder an environment."""
    return Ground(env, project.root, project.home / "evidence", versions(project.root), clock)


def versions(root: Path) -> dict[str, str]:
    """Return the versions that a result depends on. The commit is "unknown" where there is no git."""
    commit = git(root, "rev-parse", "HEAD")
    changed = git(root, "status", "--porcelain", "--untracked-files=normal")
    return {
        "ccops": __version__,
        "python": platform.python_version(),
        "commit": commit.text.strip() if commit.good else "unknown",
        "tree": ("changed" if changed.out else "clean") if changed.good else "unknown",
    }
