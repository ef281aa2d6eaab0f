"""Metrics in files: what outlives a process, and what ends with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_PROCESS = """
import sys
from ccops.backend import metrics
metrics.ws_active.inc({sockets})
metrics.auth_login.labels("ok").inc({logins})
print("ready", flush=True)
sys.stdin.read()
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a process of the number that counts sockets and logins, then waits."""
    running: list[subprocess.Popen[str]] = []

    def run(number: int, *, sockets: int = 0, logins: int = 0) -> subprocess.Popen[str]:
        env = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PROCESS_NUMBER": str(number)}
        argv = [sys.executable, "-c", _PROCESS.format(sockets=sockets, logins=logins)]
        running.append(
            subprocess.Popen(
                argv,
                env={"PATH": os.environ["PATH"], **env},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        assert running[-1].stdout
        running[-1].stdout.readline()
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.communicate()


def _seen(folder: Path) -> tuple[float, float]:
    """Return the open sockets and the logins that everybody is told of."""
    from ccops.backend.shared_metrics import exposition

    lines = (line.rpartition(" ") for line in exposition(folder).decode().splitlines())
    values = {name: float(value) for name, _, value in lines if not name.startswith("#")}
    return values["ws_active_connections"], values['auth_login_total{result="ok"}']


def test_a_dead_process_keeps_its_counters_and_loses_its_sockets(start: Start, tmp_path: Path) -> None:
    first = start(1, sockets=3, logins=10)
    start(2, sockets=4, logins=100)
    before = _seen(tmp_path)

    first.kill()
    first.wait(5)

    assert before == (7, 110)
    assert _seen(tmp_path) == (4, 110)


def test_the_next_process_of_the_number_goes_on_with_its_counters(start: Start, tmp_path: Path) -> None:
    first = start(1, sockets=3, logins=10)
    first.kill()
    first.wait(5)
    files = {path.name for path in tmp_path.iterdir()}

    start(1, sockets=1, logins=5)

    assert _seen(tmp_path) == (1, 15)
    assert {path.name for path in tmp_path.iterdir()} == files


def test_two_living_processes_never_share_a_number(start: Start, tmp_path: Path) -> None:
    start(1, logins=10)

    second = start(1, logins=10)

    assert second.wait(10) == 1
    assert second.stderr
    assert "NumberTaken" in second.stderr.read()
    assert _seen(tmp_path) == (0, 10)
