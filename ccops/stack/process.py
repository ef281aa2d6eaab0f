"""Start a child through the launcher and learn when it ends. Main thread only: see launcher.py."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ccops.stack.state import start_time

LAUNCHER = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True, slots=True)
class Launch:
    """How a child is started: its place, its log, and what it gets when the supervisor dies."""

    cwd: Path
    log: Path
    orphan_signal: int
    env: Mapping[str, str] = field(repr=False)
    not_root: Path | None = None
    root_mode: str = "auto"
    handed_down: tuple[int, ...] = ()


class Child:
    """A running process; `exited` resolves to its return code (negative: killed by that signal)."""

    def __init__(self, argv: Sequence[str], how: Launch, stdin: str = "") -> None:
        mode = how.root_mode if how.not_root else "root"
        launch = [str(os.getpid()), str(int(how.orphan_signal)), mode, str(how.not_root or ""), "--"]
        with how.log.open("ab") as log:
            self._popen = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LAUNCHER), *launch, *argv],
                cwd=how.cwd,
                env=dict(how.env),
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=how.handed_down,
            )
        if stdin and self._popen.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._popen.stdin.write(stdin.encode())
                self._popen.stdin.close()
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def started(self) -> float:
        """Return the start time the kernel knows, so that the pid can be recognised later."""
        return start_time(self.pid)

    def reap(self) -> None:
        """Collect the process if it has ended; called on SIGCHLD."""
        code = self._popen.poll()
        if code is not None and not self.exited.done():
            self.exited.set_result(code)

    async def stop(self, stop_signal: int, timeout_s: float) -> int:
        """Ask politely, then kill the whole process group. Returns the exit code."""
        if not self.exited.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, stop_signal)
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(self.exited), timeout_s)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return await self.exited


def how_it_ended(code: int) -> str:
    """Return the exit code in words."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
    return f"exited with {code}"
