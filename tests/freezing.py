"""Stop a process without ending it: worse than a crash, its connections stay open."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ccops.core.profile import Profile
from ccops.stack import engine


def freeze(pid: int) -> None:
    """Send SIGSTOP and wait until every thread rests: on a full machine one may finish what it is doing."""
    assert pid > 0, "0 and below are groups of processes, ours among them"
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + 10
    while not all(state == "T" for state in _states(pid)):
        assert time.monotonic() < end, f"process {pid} does not stop"
        time.sleep(0.002)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Keep the process stopped inside the block; it may have been killed meanwhile."""
    try:
        freeze(pid)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def frozen_service(profile: Profile, service: str) -> Iterator[None]:
    """Keep the process of `service` of a running stack stopped inside the block."""
    pid = engine.pid_of(profile, service)
    assert pid
    with frozen(pid):
        yield


def _states(pid: int) -> list[str]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            found.append((task / "stat").read_text().rpartition(")")[2].split()[0])
    return found
