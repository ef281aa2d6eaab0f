"""What a run of the gate stands on: the project, its commit, the tools' versions."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from ccops import __version__
from ccops.core.clock import Clock
from ccops.core.profile import Project
from ccops.gate.run import Ground

_GIT_S = 10.0


def ground_of(env: str, project: Project, clock: Clock) -> Ground:
    """Return the ground of `project`; the evidence lies in its home, one folder an environment."""
    return Ground(env, project.root, project.home / "evidence", versions(project.root), clock)


def versions(root: Path) -> dict[str, str]:
    """Return the versions that a result depends on. The commit is "unknown" where there is no git."""
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=normal")
    return {
        "ccops": __version__,
        "python": platform.python_version(),
        "commit": commit or "unknown",
        "tree": "unknown" if changed is None else "changed" if changed else "clean",
    }


def _git(root: Path, *args: str) -> str | None:
    quiet = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *args],
            capture_output=True, timeout=_GIT_S, check=False, text=True, env={**os.environ, **quiet},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
