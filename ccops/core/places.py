"""Paths as people see them."""

from __future__ import annotations

from pathlib import Path


def shown(path: Path) -> str:
    """Return `path` relative to the current folder if it is inside."""
    absolute, here = path.resolve(), Path.cwd().resolve()
    return absolute.relative_to(here).as_posix() if absolute.is_relative_to(here) else str(path)
