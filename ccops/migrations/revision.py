"""What a migration file says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Revision:
    """One migration file.

    down      the revisions it follows; () for a base
    lines     where `revision` and `down_revision` are written, from 1
    revises   what the docstring's `Revises:` line says; None when it has none
    whole     False when the file is broken and only its head could be read: its parents may be others
    """

    id: str
    down: tuple[str, ...]
    path: Path
    line: int = 0
    down_line: int = 0
    depends_on: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    revises: tuple[str, ...] | None = None
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a file could not be read as a revision: a code, a sentence, and the line it is about."""

    code: str
    message: str
    path: Path
    line: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Scanned:
    """All files of a project. `parsed` of them were read as Python to the end, the others by their head."""

    revisions: tuple[Revision, ...]
    faults: tuple[Fault, ...] = ()
    files: int = 0
    parsed: int = 0
