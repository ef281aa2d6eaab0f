"""Read the files of a project, whatever lies among them: pipes, loops of links, films, other encodings."""

from __future__ import annotations

import io
import os
import stat
import tokenize
from pathlib import Path

# A migration is code. More than this is data, and its syntax tree would fill the memory.
LARGEST = 8 * 2**20


def read_file(path: str | Path) -> bytes:
    """Return what a file holds. Raises OSError, also for what is no plain file and what is too large.

    A pipe among the migrations would keep whoever opens it waiting for its writer.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError("it is no plain file")
        if found.st_size > LARGEST:
            raise OSError(f"it has {found.st_size} bytes, more than {LARGEST}")
        source = os.read(handle, found.st_size + 1)
        return source if len(source) >= found.st_size else source + _rest(handle)
    finally:
        os.close(handle)


def bytes_of(path: Path) -> bytes:
    """Return what a file holds; nothing when it went away since it was found."""
    try:
        return read_file(path)
    except OSError:
        return b""


def lines_in(source: bytes) -> list[str]:
    """Return the lines of Python source as Python counts them, in the encoding that it names itself."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        text = io.TextIOWrapper(io.BytesIO(source), encoding=encoding).read()
    except (SyntaxError, UnicodeDecodeError, LookupError):
        text = source.decode("utf-8", "replace")
    return text.split("\n")


def _rest(handle: int) -> bytes:
    parts = []
    while part := os.read(handle, 2**16):
        parts.append(part)
    return b"".join(parts)
