"""Programs of others, built from their Go modules: newer ones than Debian has packages of.

They are kept in the user's cache, outside the project; the first build takes minutes, a second run none.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_BUILD_S = 1800.0
PROMETHEUS_3, COMPOSE_2 = "3.16.0", "2.40.3"


@dataclass(frozen=True, slots=True)
class Module:
    """One program of a Go module. `variable` may name a binary that is there already."""

    program: str
    path: str
    version: str
    package: str
    stamp: str
    variable: str
    tags: str = ""

    @property
    def kept(self) -> Path:
        """Return where the program is kept."""
        chosen, shared = os.environ.get("CCOPS_CACHE"), os.environ.get("XDG_CACHE_HOME")
        root = Path(chosen) if chosen else (Path(shared) if shared else Path.home() / ".cache") / "ccops"
        return root.expanduser() / "go" / f"{self.program}-{self.version}" / self.program


def _prometheus(program: str) -> Module:
    return Module(
        program=program,
        path="github.com/prometheus/prometheus",
        # Prometheus 3.16.0 is the module's v0.316.0.
        version="v0.{}{:02}.{}".format(*map(int, PROMETHEUS_3.split("."))),
        package=f"./cmd/{program}",
        stamp=f"github.com/prometheus/common/version.Version={PROMETHEUS_3}",
        variable=f"CCOPS_{program.upper()}_3",
        tags="remove_all_sd",  # all but files and HTTP: clouds are most of the build
    )


PROMTOOL, PROMETHEUS = _prometheus("promtool"), _prometheus("prometheus")
COMPOSE = Module(
    program="docker-compose",
    path="github.com/docker/compose/v2",
    version=f"v{COMPOSE_2}",
    package="./cmd",
    stamp=f"github.com/docker/compose/v2/internal.Version=v{COMPOSE_2}",
    variable="CCOPS_COMPOSE_2",
)


def need(module: Module) -> Path:
    """Return the program of `module`, built at the first call; skip, saying why, where it can't be."""
    if given := os.environ.get(module.variable):
        assert Path(given).is_file(), f"{module.variable}: {given} is no file"
        return Path(given)
    if module.kept.is_file():
        return module.kept
    if shutil.which("go") is None:
        pytest.skip(f"no Go to build {module.path} {module.version} with; {module.variable} may name one")
    source = Path(str(_go("mod", "download", "-json", f"{module.path}@{module.version}")["Dir"]))
    module.kept.parent.mkdir(parents=True, exist_ok=True)
    scratch = module.kept.with_name(f".{module.program}.{os.getpid()}")
    words = ["-trimpath", "-ldflags", f"-s -w -X {module.stamp}", "-tags", module.tags]
    _go("build", *words, "-o", str(scratch), module.package, cwd=source)
    scratch.replace(module.kept)
    return module.kept


def folder_with(folder: Path, *modules: Module) -> Path:
    """Return `folder` with these programs by their own names: what PATH may begin with."""
    folder.mkdir(parents=True, exist_ok=True)
    for module in modules:
        (folder / module.program).symlink_to(need(module).resolve())
    return folder


def _go(*words: str, cwd: Path | None = None) -> dict[str, object]:
    """Run Go outside any workspace: the one of a module names folders that a download has not."""
    env = {**os.environ, "GOWORK": "off", "CGO_ENABLED": "0"}
    done = subprocess.run(
        ["go", *words], cwd=cwd, env=env, capture_output=True, text=True, timeout=_BUILD_S, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-600:]
        pytest.skip(f"go {' '.join(words[:2])} ended with {done.returncode}: {said}")
    found = json.loads(done.stdout) if done.stdout.strip() else {}
    return found if isinstance(found, dict) else {}
