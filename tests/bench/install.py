"""What an install costs: seconds, bytes over the wire, bytes on the disk. Only when asked for by name."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.bench.figures import Figure, figure
from tests.bench.machine import checked, timed
from tests.bench.plan import Context

WHAT = ".[embedded,dev]"
# Whatever the caller's pip is told (certificates, an index) stays; Python's own habits do not.
_DROPPED = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV"}
_QUIET = ("--quiet", "--no-cache-dir", "--disable-pip-version-check")


def bench(context: Context) -> list[Figure]:
    """Make a virtual environment, install everything into it, and weigh it."""
    env = {key: value for key, value in os.environ.items() if key not in _DROPPED}
    with tempfile.TemporaryDirectory(prefix="ccops-bench-") as folder:
        venv, wheels = Path(folder) / "venv", Path(folder) / "wheels"
        made = checked(timed([sys.executable, "-m", "venv", str(venv)], env), "python -m venv")
        pip = [str(venv / "bin" / "python"), "-m", "pip"]
        context.say("install: pip install")
        done = checked(timed([*pip, "install", *_QUIET, WHAT], env, 1800), "pip install")
        context.say(f"install: {done.seconds:.0f} s; now the wheels")
        argv = [*pip, "download", *_QUIET, "--dest", str(wheels), WHAT]
        fetched = checked(timed(argv, env, 1800), "pip download")
        files = sorted(wheels.iterdir(), key=lambda path: -path.stat().st_size)
        largest = ", ".join(f"{one.name.split('-')[0]} {_mb(one.stat().st_size):.0f}" for one in files[:6])
        return [
            figure("pip install", "s", [done.seconds], f"{WHAT}, no cache, fresh venv"),
            figure("python -m venv", "s", [made.seconds], "with pip in it"),
            figure(
                "download",
                "MB",
                [_mb(_size(wheels))],
                f"{len(files)} files in {fetched.seconds:.0f} s: {largest}",
            ),
            figure("venv on disk", "MB", [_mb(_size(venv))], "allocated blocks, bytecode included"),
        ]


def _size(folder: Path) -> int:
    """Return the bytes that the files of `folder` occupy; links count nothing."""
    return sum(
        path.lstat().st_blocks * 512 for path in folder.rglob("*") if path.is_file() and not path.is_symlink()
    )


def _mb(size: int) -> float:
    return size / 1e6
