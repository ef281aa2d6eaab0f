"""The stack that the contract suites are pointed at: CCOPS_SUITE_STACK_ENV=path/stack.env.

Without the variable they start servers of their own. With it they may meet a stack that others work on: what
they make has random names and is removed, and what would need the servers' processes or files is skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Value, parse_env_file
from tests.conftest import ROOT

VARIABLE = "CCOPS_SUITE_STACK_ENV"
SUITES = ("tests/integration/clickhouse_front", "tests/integration/kafka_conformance")
NOT_OURS = "not our process: this needs a server that it may stop, and files that it may read"
_TARGETS = ("CCOPS_KAFKA_BOOTSTRAP", "CCOPS_CLICKHOUSE_URL")


def suite_stack(
    environ: Mapping[str, str] | None = None, profiles: Path = ROOT / "env"
) -> Mapping[str, str] | None:
    """Return the settings of the chosen stack, or None when the suites shall start their own.

    Raises UsageError when the file names no target, and Refused when it belongs to a protected profile.
    """
    environ = os.environ if environ is None else environ
    chosen = environ.get(VARIABLE)
    if not chosen:
        return None
    path = Path(chosen).expanduser().resolve()
    try:
        values = _texts(parse_env_file(path, path.name))
    except OSError as err:
        raise UsageError("SUITE_STACK_UNREADABLE", f"{VARIABLE}: {err.strerror}", evidence=str(path)) from err
    if not any(values.get(key) for key in _TARGETS):
        raise UsageError("SUITE_STACK_EMPTY", f"{path} has neither of {', '.join(_TARGETS)}", evidence="")
    if reason := _protected(values, _names(path, environ), (profiles, *_project_of(path))):
        raise Refused("SUITE_STACK_PROTECTED", "the suites write; this stack is protected", evidence=reason)
    return values


def target(key: str) -> str | None:
    """Return where the chosen stack has the server that `key` names; None when no stack is chosen."""
    values = suite_stack()
    if values is None:
        return None
    if not values.get(key):
        raise UsageError("SUITE_STACK_EMPTY", f"the stack of {VARIABLE} has no {key}", evidence="")
    return values[key]


def run_suites(stack_env: Path, timeout_s: float) -> str:
    """Run both contract suites at that stack, in a process of their own; return what pytest printed."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("CCOPS_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SUITES],
        cwd=ROOT,
        env={**env, VARIABLE: str(stack_env)},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return done.stdout


def _texts(values: Mapping[str, Value]) -> dict[str, str]:
    return {key: value.text for key, value in values.items()}


def _names(path: Path, environ: Mapping[str, str]) -> set[str]:
    """Return what the profile may be called: stack.env lies in a folder of that name."""
    return {path.parent.name, environ.get("CCOPS_ENV", "")} - {""}


def _project_of(path: Path) -> tuple[Path, ...]:
    """Return the profiles of the project that the file lies in: PROJECT/.ccops/NAME/stack.env."""
    return tuple(folder / "env" for folder in path.parents if (folder / "env").is_dir())


def _protected(values: Mapping[str, str], names: set[str], folders: tuple[Path, ...]) -> str:
    """Return why this is a protected stack: it says so, its profile does, or it has the targets of one."""
    if values.get("CCOPS_PROTECTED") == "1":
        return "CCOPS_PROTECTED=1 in the file itself"
    for file in sorted({one for folder in folders for one in folder.glob("*.env")}):
        profile = _texts(parse_env_file(file, file.name))
        if profile.get("CCOPS_PROTECTED") != "1":
            continue
        if file.stem in names:
            return f"CCOPS_PROTECTED=1 in {file}"
        for key in _TARGETS:
            if profile.get(key) and profile[key] == values.get(key):
                return f"{file} is protected and has the same {key}"
    return ""
