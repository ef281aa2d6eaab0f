"""Files that must survive what comes next: written whole, synced, then put in place."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from ccops.core.atomic import sync_folder, write_whole
from ccops.core.errors import Refused


def write_durably(path: Path, text: str) -> None:
    """Write `text` to `path` so that it is either all there or not at all, even after a power cut.

    Raises Refused when the place can't be written: without a snapshot nothing is changed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, text)
    except OSError as error:
        raise unwritable(path, error) from None


def append_durably(path: Path, line: Mapping[str, object]) -> None:
    """Append one JSON line in a single write, and sync it. Raises Refused when it can't be written.

    A line that an earlier process could not finish is ended first, so that it spoils only itself.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(handle).st_size
            torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            text = ("\n" if torn else "") + json.dumps(line, ensure_ascii=False) + "\n"
            data = text.encode(errors="backslashreplace")  # half a character is written as JSON's own escape
            if os.write(handle, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise unwritable(path, error) from None


def remove(path: Path) -> None:
    """Remove `path`; a file that is gone already is fine."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
        sync_folder(path.parent)


def json_files(folder: Path) -> Iterator[Path]:
    """Yield the JSON files of `folder` by name; no folder is no file."""
    if folder.is_dir():
        yield from sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))


def unwritable(path: Path, error: OSError) -> Refused:
    """Return the error for a file that can't be written."""
    return Refused(
        "KAFKA_STATE_UNWRITABLE",
        f"{path} can't be written: {error.strerror}",
        evidence="without a snapshot and an audit line on disk no offset is moved",
        next_step="set CCOPS_HOME to a folder of yours, or make room",
    )
