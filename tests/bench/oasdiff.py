"""oasdiff at a pinned version, through the machine's Go toolchain: the tool and its test documents."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.machine import BenchFailed

MODULE = "github.com/oasdiff/oasdiff"
VERSION = "v1.32.0"


def install(folder: Path) -> tuple[Path, Path]:
    """Return the binary and the folder of its checker's documents. Raises BenchFailed without a way to it."""
    if shutil.which("go") is None:
        raise BenchFailed("no `go` on PATH: oasdiff comes as a Go module only")
    env = {**os.environ, "GOBIN": str(folder / "bin"), "GOPATH": str(folder / "go"), "GOFLAGS": "-modcacherw"}
    said(["go", "install", f"{MODULE}@{VERSION}"], env, 900)
    place = json.loads(said(["go", "mod", "download", "-json", f"{MODULE}@{VERSION}"], env, 300))["Dir"]
    return folder / "bin" / "oasdiff", Path(place) / "data" / "checker"


def said(argv: Sequence[str], env: Mapping[str, str], timeout_s: float, codes: tuple[int, ...] = (0,)) -> str:
    """Return what a program wrote. Raises BenchFailed with its last words for other exit codes."""
    done = subprocess.run(
        argv,
        env=dict(env),
        timeout=timeout_s,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode not in codes:
        raise BenchFailed(f"{' '.join(argv)} exited {done.returncode}: {done.stderr[-300:]}")
    return done.stdout


def changelog(binary: Path, old: Path, new: Path) -> tuple[list[dict[str, object]], float]:
    """Return what oasdiff finds (level 3 is an error, 2 a warning, 1 a note) and its seconds."""
    began = time.perf_counter()
    written = said([str(binary), "changelog", str(old), str(new), "-f", "json"], os.environ, 300, (0, 1))
    seconds = time.perf_counter() - began
    found: list[dict[str, object]] = json.loads(written or "[]")
    return found, seconds
