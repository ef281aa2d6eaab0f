"""Let files whose ids are computed say them: in a process of their own, and only when asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ccops.migrations.revision import Fault, Revision

_RUN_S = 30.0
_CHILD = """
import importlib.util, json, os, sys
real, sys.stdout = sys.stdout, sys.stderr
found = []
for path in sys.argv[1:]:
    try:
        spec = importlib.util.spec_from_file_location("migration", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        names = ("revision", "down_revision", "depends_on", "branch_labels")
        found.append({name: getattr(module, name, None) for name in names})
    except BaseException as error:
        found.append({"error": f"{type(error).__name__}: {error}"})
json.dump(found, real, default=list)
"""


def run_dynamic(
    faults: Sequence[Fault], sys_path: Sequence[Path], python: str = sys.executable
) -> tuple[list[Revision], list[Fault]]:
    """Run the files of `faults` and return what they say; a file that fails stays a fault, with its error."""
    if not faults:
        return [], []
    paths = [str(fault.path.resolve()) for fault in faults]
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, sys_path)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        done = subprocess.run(
            [python, "-c", _CHILD, *paths], capture_output=True, timeout=_RUN_S, check=False, env=environ,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        answers = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        answers = [{"error": f"the process gave no answer: {type(error).__name__}"}] * len(faults)
    revisions: list[Revision] = []
    left: list[Fault] = []
    for fault, answer in zip(faults, answers, strict=True):
        found = None if "error" in answer else _revision(fault, answer)
        if found is not None:
            revisions.append(found)
        else:
            detail = str(answer.get("error") or "it names no revision")
            left.append(Fault(fault.code, fault.message, fault.path, fault.line, detail))
    return revisions, left


def _revision(fault: Fault, answer: dict[str, object]) -> Revision | None:
    ident = answer["revision"]
    down, depends, labels = (
        _texts(answer[name]) for name in ("down_revision", "depends_on", "branch_labels")
    )
    if not isinstance(ident, str) or not ident:
        return None
    return Revision(ident, down, fault.path, fault.line, fault.line, depends, labels)


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(str(item) for item in value) if isinstance(value, list) else ()
