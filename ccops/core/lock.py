"""A lock file for one process at a time; the kernel frees it when that process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def take(path: Path) -> int:
    """Lock `path`, made where it is missing, and return the handle that holds it until it is closed.

    Raises BlockingIOError while another process holds it, OSError when it can't be opened.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(handle)
        raise
    return handle


def is_taken(path: Path) -> bool:
    """Return whether a process holds the lock `path`; a file that is not there or can't be opened is free."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
