"""One front per data directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ccops.core.errors import Refused
from ccops.stack.clickhouse_front.config import Layout


@contextmanager
def hold(layout: Layout) -> Iterator[None]:
    """Hold the directory's lock; refuse with the holder's pid when somebody else has it.

    The engine has a lock too, but its message names no holder. The kernel releases this one with the
    process, so a killed front leaves nothing to clean up.
    """
    with (layout.root / "lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise Refused(
                "CLICKHOUSE_DATA_LOCKED",
                f"the data directory {layout.root} is in use by process {file.read().strip() or '?'}",
                next_step="stop that process, or give another --data",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
