"""Prometheus' own checker, when it is installed: `check rules --lint-fatal` and `test rules`."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ccops.core.errors import UsageError

TIMEOUT_S = 120.0
INSTALL_LINE = "apt-get install prometheus (Debian 12) or promtool (Debian 13 and later)"
_VERSION = re.compile(r"promtool, version (?P<version>(?P<major>\d+)\.(?P<minor>\d+)\S*)")


@dataclass(frozen=True, slots=True)
class Promtool:
    """An installed promtool. `version` is its text; `release` is (major, minor), for comparisons."""

    path: str
    version: str
    release: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What promtool said: its exit code (0 fine, 1 refused, 3 lint) and its lines without the headings."""

    code: int
    lines: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return self.code == 0


def find_promtool() -> Promtool | None:
    """Return the promtool on PATH, or None when there is none that answers with a version."""
    path = shutil.which("promtool")
    return None if path is None else promtool_at(path)


def promtool_at(path: str) -> Promtool | None:
    """Return the promtool at `path`, or None when it does not answer with a version."""
    try:
        done = _run([path, "--version"], 20.0)
    except OSError:
        return None
    match = _VERSION.search(done.stdout + done.stderr)
    if match is None:
        return None
    return Promtool(path, match["version"], (int(match["major"]), int(match["minor"])))


def require_promtool() -> Promtool:
    """Return the promtool on PATH. Raises UsageError when there is none."""
    found = find_promtool()
    if found is None:
        raise UsageError(
            "PROMTOOL_MISSING",
            "promtool is not installed",
            evidence="PATH has none that answers to --version",
            next_step=f"{INSTALL_LINE}; or leave --promtool require out",
        )
    return found


def check_rules(tool: Promtool, paths: Sequence[Path], *, timeout_s: float = TIMEOUT_S) -> Verdict:
    """Let promtool judge rule files. Lint findings count too: without --lint-fatal it ends with 0 on them."""
    return _verdict([tool.path, "check", "rules", "--lint-fatal", *_names(paths)], timeout_s)


def test_rules(tool: Promtool, path: Path, *, timeout_s: float = TIMEOUT_S) -> Verdict:  # noqa: PT028 - no test of ours
    """Let promtool run one file of rule tests."""
    return _verdict([tool.path, "test", "rules", *_names([path])], timeout_s)


def _names(paths: Sequence[Path]) -> list[str]:
    # A name that begins with a dash would be an option; a missing file is answered with a usage text.
    for path in paths:
        if not path.is_file():
            raise UsageError(
                "RULES_FILE_MISSING", f"{path} is no file", evidence="promtool was not started", next_step=""
            )
    return [str(path.absolute()) for path in paths]


def _verdict(argv: list[str], timeout_s: float) -> Verdict:
    try:
        done = _run(argv, timeout_s)
    except subprocess.TimeoutExpired:
        return Verdict(124, (f"promtool did not end within {timeout_s:g} s",))
    except OSError as error:
        return Verdict(127, (f"promtool did not start: {error}",))
    said = [line.strip() for line in (done.stdout + "\n" + done.stderr).splitlines()]
    lines = [line for line in said if line and not line.startswith(("Checking ", "SUCCESS", "Unit Testing:"))]
    return Verdict(done.returncode, tuple(lines))


def _run(argv: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout_s,
        check=False,
        stdin=subprocess.DEVNULL,
    )
