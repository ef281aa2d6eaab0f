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
real = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
sys.stdout = sys.stderr
found = []
for path in sys.argv[1:]:
    try:
        spec = importlib.util.spec_from_file_location("migration", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        said = {"revision": module.revision, "down_revision": module.down_revision}
        said |= {name: getattr(module, name, None) for name in ("depends_on", "branch_labels")}
        json.dumps(said, default=list)
        found.append(said)
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
        if not isinstance(answers, list) or len(answers) != len(faults):
            raise ValueError("another answer")
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        answers = [{"error": f"the process gave no answer: {type(error).__name__}"}] * len(faults)
    revisions: list[Revision] = []
    left: list[Fault] = []
    for fault, answer in zip(faults, answers, strict=True):
        found = None if "error" in answer else _revision(fault, answer)
        if found is not None:
            revisions.append(found)
        else:
            detail = str(answer.get("error") or "what it says are no texts")
            left.append(Fault(fault.code, fault.message, fault.path, fault.line, detail))
    return revisions, left


def _revision(fault: Fault, answer: dict[str, object]) -> Revision | None:
    ident = answer["revision"]
    down, depends = _texts(answer["down_revision"]), _texts(answer["depends_on"])
    labels = _texts(answer["branch_labels"]) or ()
    if not isinstance(ident, str) or not ident or down is None or depends is None:
        return None
    return Revision(ident, down, fault.path, fault.line, fault.line, depends, labels)


def _texts(value: object) -> tuple[str, ...] | None:
    """Return a text or a list of texts; None for what says nothing: as a base it would be a false one."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    good = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return tuple(value) if good and isinstance(value, list) else None
