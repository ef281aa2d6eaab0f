"""Log files of the services: rotation by copy and truncate, last lines."""

from __future__ import annotations

import shutil
from pathlib import Path

LIMIT_BYTES = 8 * 1024 * 1024
KEEP = 3


def rotate(path: Path, limit: int = LIMIT_BYTES) -> bool:
    """Move a log over `limit` aside; the writer's append-mode handle stays good. True if it did."""
    try:
        if path.stat().st_size < limit:
            return False
    except OSError:
        return False
    for number in range(KEEP - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    with path.open("r+b") as file:
        file.truncate(0)
    return True


def tail(path: Path, lines: int) -> list[str]:
    """Return the last `lines` lines of `path`, read from its end; nothing for a missing file."""
    if lines <= 0:
        return []
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            block, data = 8192, b""
            while size > 0 and data.count(b"\n") <= lines:
                step = min(block, size)
                size -= step
                file.seek(size)
                data = file.read(step) + data
                block *= 2
    except OSError:
        return []
    return data.decode("utf-8", "replace").splitlines()[-lines:]
