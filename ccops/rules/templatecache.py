"""Compiled templates kept in a folder: compiling them is half of what rendering costs."""

from __future__ import annotations

import contextlib
from pathlib import Path
from pickle import UnpicklingError

from jinja2.bccache import Bucket, FileSystemBytecodeCache


def engine(*modules: Path) -> str:
    """Return what tells these modules from those of another version: compiled templates depend on them.

    A number in the source would have to be raised by hand, and an upgrade of the library would go unseen.
    """
    found = [path.stat() for path in modules]
    return "-".join(f"{one.st_size:x}.{one.st_mtime_ns:x}" for one in found)


class Compiled(FileSystemBytecodeCache):
    """The library's own cache: a file counts only with the checksum of its source, and for this Python.

    The folder is the user's state folder. One that can't be read or written is as good as none.
    """

    def __init__(self, folder: Path, version: str) -> None:
        super().__init__(str(folder), f"%s.{version}.jinja")
        self._folder = folder

    def load_bytecode(self, bucket: Bucket) -> None:
        """Load what is there; a broken file is compiled again."""
        try:
            super().load_bytecode(bucket)
        except (OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, UnpicklingError):
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            super().dump_bytecode(bucket)
