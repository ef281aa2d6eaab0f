"""How the front end works with the supervisor: start it, wait for it, clean up after one that was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ccops.core.errors import Degraded
from ccops.stack.failures import supervisor_died
from ccops.stack.paths import StateDir
from ccops.stack.request import Request
from ccops.stack.services.pythonenv import base_env
from ccops.stack.state import SETTLED, ServiceState, StackState, alive, leftovers, read_state

_POLL_S = 0.02
_ORPHAN_GRACE_S = 3.0


@dataclass(frozen=True, slots=True)
class Event:
    """Progress of `up`: `starting`, `already`, `waiting` for another, a `said` line, a settled `service`."""

    kind: str
    service: ServiceState | None = None
    text: str = ""


OnEvent = Callable[[Event], None]


def spawn(state_dir: StateDir, request: Request) -> int:
    """Start a supervisor with `request`; returns its pid. It outlives the caller."""
    for path in (state_dir.state, state_dir.stack_env, *state_dir.commands.glob("*.json")):
        path.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "ccops.stack.supervise", str(state_dir.root)],
        input=request.to_json(),
        env=base_env(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise supervisor_died(state_dir, done.stderr)
    return int(done.stdout)


def wait(
    state_dir: StateDir,
    pid: int,
    request: Request,
    names: tuple[str, ...],
    timeout_s: float,
    on_event: OnEvent,
) -> StackState:
    """Report each service once as it settles; return when all have, or the time is up."""
    told: set[str] = set()
    end = time.monotonic() + timeout_s
    while True:
        now = read_state(state_dir)
        if now is not None and now.pid == pid and request.id in now.answers:
            _check_answer(now, request)
            for name in names:
                if now.services[name].phase in SETTLED and name not in told:
                    told.add(name)
                    on_event(Event("service", now.services[name]))
            if len(told) == len(names) or time.monotonic() > end:
                return now
        elif not _runs(pid) or time.monotonic() > end:
            raise supervisor_died(state_dir)
        time.sleep(_POLL_S)


def wait_answer(state_dir: StateDir, pid: int, request: Request, timeout_s: float) -> StackState:
    """Wait until `request` was answered; returns the state with the answer."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        now = read_state(state_dir)
        if now is not None and request.id in now.answers:
            _check_answer(now, request)
            return now
        if not _runs(pid):
            raise supervisor_died(state_dir)
        time.sleep(_POLL_S)
    raise Degraded(
        "SUPERVISOR_SLOW",
        f"the supervisor did not finish {request.action} within {timeout_s:.0f} s",
        evidence=f"pid {pid}, services {', '.join(request.services)}",
        next_step="ccops status",
    )


def _check_answer(now: StackState, request: Request) -> None:
    if now.answers[request.id] != "ok":
        raise Degraded(
            "SUPERVISOR_REFUSED",
            f"the supervisor could not {request.action}",
            evidence=now.answers[request.id],
            next_step="ccops logs supervisor",
        )


def sweep(state_dir: StateDir) -> None:
    """Wait for children of a supervisor that was killed, then end them; only if they still are the same."""
    old = read_state(state_dir)
    if old is None or alive(old.pid, old.started):
        return
    if not until(lambda: not leftovers(old), _ORPHAN_GRACE_S):
        for pid in leftovers(old):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not leftovers(old), 2.0)
    for path in (state_dir.state, state_dir.stack_env):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def only_one(state_dir: StateDir, on_event: OnEvent) -> Iterator[None]:
    """Let one `up` of this environment work at a time; the next one waits for it."""
    handle = os.open(state_dir.up_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_event(Event("waiting", text="another ccops up is at work here; waiting for it"))
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C during a piece of cleaning up; only the main thread is ever interrupted by it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _runs(pid: int) -> bool:
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Return whether `condition` became true in time."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_S)
    return True
