"""Ask git, the one way everybody asks it: quiet, in English, with a time limit, never prompting."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

_QUIET = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
# What git gives its hooks, `-C` does not overrule: we would be told of another repository or another root.
_ELSEWHERE = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE"}
)
TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What git printed and how it ended. `code` None: it could not be asked, and `said` says why."""

    code: int | None
    out: bytes = b""
    said: str = ""

    @property
    def good(self) -> bool:
        """Return whether git ended with 0."""
        return self.code == 0

    @property
    def text(self) -> str:
        """Return what it printed as text; bytes that are none can be written back as they were."""
        return self.out.decode("utf-8", "surrogateescape")


def git(folder: Path, *args: str, timeout_s: float = TIMEOUT_S) -> Answer:
    """Return git's answer to `args` in `folder`. Raises nothing: what it means is the caller's to judge."""
    environ = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE} | _QUIET
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *args],
            capture_output=True, timeout=timeout_s, check=False, env=environ,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError:
        return Answer(None, said="git is not installed")
    except subprocess.TimeoutExpired:
        return Answer(None, said=f"git did not answer within {timeout_s:g} s")
    except OSError as error:
        return Answer(None, said=f"git could not be started: {error.strerror}")
    return Answer(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace").strip())
