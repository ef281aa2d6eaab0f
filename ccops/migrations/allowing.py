"""Findings that a comment in a migration allows, of every part of the gate that reads or runs migrations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date

from ccops.core.allowing import Allowed, judged, read_allowed
from ccops.core.places import shown
from ccops.core.reports.marks import Mark, Severity
from ccops.migrations.revision import Revision


def lines_of(node: Revision) -> list[str]:
    """Return the lines of a migration as Python counts them; [] when it can't be read."""
    try:
        return node.path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, ValueError):
        return []


def allow(
    marks: Sequence[Mark], nodes: Iterable[Revision], today: date, expected: Callable[[str], bool]
) -> list[Mark]:
    """Return `marks`, the allowed ones accepted, and findings about comments that allow nothing.

    `expected(code)` says whether a comment without a finding is a finding itself: another part of the gate
    may have what it allows.
    """

    def unused(file: str, one: Allowed) -> Mark | None:
        if not expected(one.code):
            return None
        said = f"{one.code} is allowed here and not found any more"
        return Mark("ALEMBIC_ALLOW_UNUSED", said, Severity.WARNING, file=file, line=one.line)

    comments = {shown(node.path): read_allowed(lines_of(node)) for node in nodes}
    return list(judged(marks, comments, today, _invalid, unused))


def _invalid(file: str, one: Allowed, why: str) -> Mark:
    return Mark("ALEMBIC_ALLOW_INVALID", why, file=file, line=one.line, next_step="give a reason and a day")
