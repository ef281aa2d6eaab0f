"""Mend what can be mended without thinking: show it as a diff, or write it."""

from __future__ import annotations

import difflib
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ccops.contract.lint_files import lines_of
from ccops.contract.lint_routes import Fix
from ccops.core.errors import Refused


def fixed(fixes: Sequence[Fix]) -> dict[Path, tuple[str, str, str]]:
    """Return file -> (its name, its text, its text mended). Raises Refused when a file has changed since."""
    by_file: dict[Path, list[Fix]] = defaultdict(list)
    for fix in fixes:
        by_file[fix.path].append(fix)
    return {path: _file(path, found) for path, found in by_file.items()}


def diff(changes: dict[Path, tuple[str, str, str]]) -> str:
    """Return the changes as one unified diff."""
    pieces: list[str] = []
    for name, old, new in changes.values():
        pieces += difflib.unified_diff(lines_of(old), lines_of(new), f"a/{name}", f"b/{name}", n=1)
    return "".join(piece if piece.endswith("\n") else f"{piece}\n" for piece in pieces)


def apply(changes: dict[Path, tuple[str, str, str]]) -> None:
    """Write the changes, each file as a whole; modes and line ends stay."""
    for path, (_, _, new) in changes.items():
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_bytes(new.encode("utf-8"))
        draft.chmod(path.stat().st_mode)
        draft.replace(path)


def _file(path: Path, fixes: Sequence[Fix]) -> tuple[str, str, str]:
    old = path.read_bytes().decode("utf-8")
    lines = lines_of(old)
    # From the right, so that a column found before still holds.
    for fix in sorted(fixes, key=lambda one: (one.line, one.column), reverse=True):
        line = lines[fix.line - 1] if fix.line <= len(lines) else ""
        start = fix.column - 1
        if line[start : start + len(fix.old)] != fix.old:
            raise Refused(
                "LINT_FILE_CHANGED",
                f"{fix.name}:{fix.line} changed while it was looked at; nothing was written",
                evidence=f"expected {fix.old!r} at column {fix.column}",
                next_step="ccops lint routes --fix",
            )
        lines[fix.line - 1] = f"{line[:start]}{fix.new}{line[start + len(fix.old) :]}"
    return fixes[0].name, old, "".join(lines)
