"""`python -m ccops.stack.supervise STATE_DIR`: become the supervisor, away from the caller's terminal."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

LOCKED = 75


def main() -> int:
    """Read the request, go to the background, own the stack until told to stop."""
    text = sys.stdin.read()
    root = Path(sys.argv[1])
    lock = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    child = os.fork()
    if child:
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        os._exit(0)
    os.setsid()
    _leave_terminal(root)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write("another supervisor owns this folder\n")
        return LOCKED
    return _own(root, text, lock)


def _leave_terminal(root: Path) -> None:
    log = os.open(root / "logs" / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.chdir(root)
    os.umask(0o077)


def _own(root: Path, text: str, lock: int) -> int:
    import asyncio

    from ccops.stack.paths import StateDir
    from ccops.stack.request import Request
    from ccops.stack.supervisor import Supervisor

    state_dir = StateDir(root)
    request = Request.from_json(text)

    def owns() -> bool:
        """Return whether the folder still is the one we locked: somebody may have removed it."""
        try:
            return state_dir.lock.stat().st_ino == os.fstat(lock).st_ino
        except OSError:
            return False

    async def run() -> None:
        await Supervisor(state_dir, request.choices.env, owns).run(request)

    asyncio.run(run())
    for path in (state_dir.stack_env, state_dir.state) if owns() else ():
        path.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
