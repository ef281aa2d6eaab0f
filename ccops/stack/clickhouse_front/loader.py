"""Load chdb's extension module without its Python package.

`import chdb` also imports pyarrow and numpy and runs a throw-away engine: 0.3-0.7 s and 45 MB that a
front which only moves bytes never uses. The extension itself loads in 0.03 s. This process is the front's
own, so a bare `chdb` package in sys.modules confuses nobody.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

from ccops.core.errors import UsageError


class Result(Protocol):
    """What a finished query (or one block of a stream) gives back."""

    def bytes(self) -> bytes: ...
    def rows_read(self) -> int: ...
    def bytes_read(self) -> int: ...
    def storage_rows_read(self) -> int: ...
    def storage_bytes_read(self) -> int: ...
    def elapsed(self) -> float: ...


class Stream(Protocol):
    """A query whose blocks are fetched one by one."""


class Connection(Protocol):
    """One handle to the process's engine; SET and USE are the handle's own."""

    def query(self, sql: bytes, output: str, /, *, params: dict[str, str]) -> Result: ...
    def send_query(self, sql: bytes, output: str, /, *, params: dict[str, str]) -> Stream: ...
    def streaming_fetch_result(self, stream: Stream) -> Result | None: ...
    def streaming_cancel_query(self, stream: Stream) -> None: ...
    def close(self) -> None: ...


class Extension(Protocol):
    """The module `chdb._chdb`."""

    def connect(self, connection_string: str) -> Connection: ...


def load() -> Extension:
    """Return chdb's extension module, or say how to install it."""
    try:
        try:
            return _load_bare()
        except (ImportError, OSError):
            # Another layout of the package: pay for the whole import rather than fail.
            sys.modules.pop("chdb", None)
            return cast(Extension, importlib.import_module("chdb")._chdb)
    except ImportError as error:
        raise UsageError(
            "CHDB_MISSING",
            f"the embedded ClickHouse engine is not installed ({error})",
            next_step="pip install 'ccops[embedded]'",
        ) from None


def _load_bare() -> Extension:
    spec = PathFinder.find_spec("chdb")
    if spec is None or spec.origin is None:
        raise ImportError("No module named 'chdb'")
    folder = Path(spec.origin).parent
    sys.modules["chdb"] = _empty_package(spec, folder)
    if sys.platform == "linux":
        # As chdb/__init__.py does: its own allocator must win over one loaded before.
        ctypes.CDLL(str(folder / "_chdb.abi3.so"), mode=sys.getdlopenflags() | os.RTLD_DEEPBIND)
    return cast(Extension, importlib.import_module("chdb._chdb"))


def _empty_package(spec: ModuleSpec, folder: Path) -> ModuleType:
    package = ModuleType("chdb")
    package.__path__ = [str(folder)]
    package.__spec__ = spec
    return package
