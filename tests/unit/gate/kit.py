"""A stand-in for the command line, as a real program: its words say how it ends."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ccops.gate.model import Check
from ccops.gate.run import Ground

# ok | bad | away | mute | hang | crash | warn: each prints and ends as the real commands do.
PROGRAM = """
import json, os, signal, sys, time
how = sys.argv[1]
def say(code, *issues):
    print(json.dumps({"schema": "x/v1", "exit_code": code, "issues": issues, "argv": sys.argv[1:]}))
    sys.exit(code)
issue = {"code": "X_WRONG", "message": "it is wrong", "severity": "error", "where": "f.py:3"}
if how == "ok": say(0)
if how == "warn": say(0, issue | {"severity": "warning"})
if how == "bad": say(1, issue)
if how == "away": say(4, issue)
if how == "mute": sys.exit(0)
if how == "crash": os.kill(os.getpid(), signal.SIGKILL)
if how == "hang":
    open(sys.argv[2], "w").write(str(os.getpid()))
    time.sleep(600)
if how == "slow": time.sleep(float(sys.argv[2])); say(0)
"""


class Fixed:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def later(self, **by: float) -> None:
        self.at += timedelta(**by)


def ground(root: Path) -> Ground:
    """Return the ground of a project below `root`, with the stand-in as its program."""
    program = root / "program.py"
    program.write_text(PROGRAM)
    (root / "scenarios").mkdir(exist_ok=True)
    return Ground(
        "dev", root, root / "evidence", {"ccops": "0"}, Fixed(), (sys.executable, "-S", str(program))
    )


def check(name: str, *argv: str, **more: object) -> Check:
    """Return a check that calls the stand-in."""
    return Check(name, "test", argv or (name,), f"about {name}", **more)  # type: ignore[arg-type]
