"""A project of its own for each test, and a way to see every process that its stack left."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from ccops.core.profile import Profile, find_project, load_profile
from ccops.stack import engine


@dataclass
class Bench:
    """One test's project folder and home."""

    root: Path
    monkeypatch: pytest.MonkeyPatch

    @property
    def home(self) -> Path:
        return self.root / "home"

    def settings(self, *lines: str) -> None:
        text = "\n".join(("CCOPS_STACK=embedded", "CCOPS_PROTECTED=0", "APP_ENV=dev", *lines))
        (self.root / "env" / "dev.env").write_text(text + "\n", encoding="utf-8")

    def profile(self) -> Profile:
        return load_profile("dev", find_project(self.root))

    def cli(self, *args: str) -> subprocess.CompletedProcess[str]:
        return self.spawn(*args).wait_text()

    def spawn(self, *args: str) -> Running:
        return Running(
            subprocess.Popen(
                [sys.executable, "-m", "ccops", *args, "--project", str(self.root)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "CCOPS_HOME": str(self.home)},
            )
        )

    def processes(self) -> list[psutil.Process]:
        """Return every living process that works in this test's home or names it in its command line."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                words = (process.cwd(), *process.cmdline())
                if str(self.home) in " ".join(words) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found


@dataclass
class Running:
    process: subprocess.Popen[str]

    def wait_text(self) -> subprocess.CompletedProcess[str]:
        out, err = self.process.communicate(timeout=60)
        return subprocess.CompletedProcess(self.process.args, self.process.returncode, out, err)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for name in ("env", "scenarios"):
        (tmp_path / name).mkdir()
    made = Bench(tmp_path, monkeypatch)
    made.settings()
    monkeypatch.setenv("CCOPS_HOME", str(made.home))
    yield made
    engine.down(made.profile())
    left = made.processes()
    for process in left:
        process.kill()
    assert left == []


def until(condition: Callable[[], object], timeout_s: float = 10.0) -> bool:
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(name="until")
def until_fixture() -> Callable[..., bool]:
    return until
