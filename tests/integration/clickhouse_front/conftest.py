"""Real front processes on free ports, each with a data directory of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.suite_stack import suite_stack

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "p@ss:w/rd-9"


@dataclass
class Front:
    """A running front and how to reach it."""

    process: subprocess.Popen[str]
    data: Path
    port: int = 0
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://default:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/casino"

    def wait_until_ready(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            if " ready: http://127.0.0.1:" in line:
                self.port = int(line.split("http://127.0.0.1:")[1].split()[0])
                break
        assert self.port, self.lines
        threading.Thread(target=lambda: self.lines.extend(self.process.stderr or ()), daemon=True).start()

    def end(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(15)


Start = Callable[..., Front]


def argv(data: Path, *extra: str) -> list[str]:
    secret = data.with_name(data.name + ".password")
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_text(PASSWORD + "\n", encoding="utf-8")
    base = ["--data", str(data), "--host", "127.0.0.1", "--port", "0", "--password-file", str(secret)]
    return [sys.executable, "-m", "ccops.stack.clickhouse_front", *base, "--database", "casino", *extra]


def spawn(data: Path, *extra: str) -> Front:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CCOPS_")}
    process = subprocess.Popen(
        argv(data, *extra),
        cwd=ROOT,
        env=clean,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    return Front(process, data)


@pytest.fixture(scope="session")
def _ours() -> None:
    """What tells of the front's own process and wire says nothing about the stack that was asked about."""
    if suite_stack() is not None:
        pytest.skip("about the process of the embedded front, not about the stack the suite is pointed at")


@pytest.fixture
def launch(_ours: None) -> Iterator[Start]:
    """Start a front without waiting for it (a test may want to see it fail)."""
    running: list[Front] = []

    def start(data: Path, *extra: str) -> Front:
        running.append(spawn(data, *extra))
        return running[-1]

    yield start
    for front in running:
        front.end(signal.SIGKILL)
        if front.process.stderr is not None:
            front.process.stderr.close()


@pytest.fixture
def start(launch: Start) -> Start:
    """Start a front and wait until it is ready."""

    def ready(data: Path, *extra: str) -> Front:
        front = launch(data, *extra)
        front.wait_until_ready()
        return front

    return ready


@pytest.fixture(scope="session")
def front(_ours: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """One front for all tests that do not stop it."""
    shared = spawn(tmp_path_factory.mktemp("front") / "click house")  # a path with a space, as people have
    shared.wait_until_ready()
    yield shared
    assert shared.end() == 0
    if shared.process.stderr is not None:
        shared.process.stderr.close()


@pytest.fixture
def password() -> str:
    return PASSWORD
