"""Findings that a comment in a migration allows, of every part of the gate that reads or runs migrations."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Callable, Iterable, Sequence
from datetime import date

from ccops.core.allowing import Allowed, judged, read_allowed
from ccops.core.places import shown
from ccops.core.reports.marks import Mark, Severity
from ccops.migrations.files import bytes_of, lines_in
from ccops.migrations.revision import Revision


def lines_of(node: Revision) -> list[str]:
    """Return the lines of a migration, of each its comment and `x` for the code before it.

    What stands in a text is no comment: a docstring may show one as an example.
    """
    source = bytes_of(node.path)
    lines = ["x" if line.strip() else "" for line in lines_in(source)]
    try:
        for token in tokenize.tokenize(io.BytesIO(source).readline):
            if token.type == tokenize.COMMENT:
                row, column = token.start
                alone = not token.line[:column].strip()
                lines[row - 1] = token.string if alone else f"x  {token.string}"
    except (tokenize.TokenError, SyntaxError, IndexError):
        return []  # the file is broken: a finding of its own
    return lines


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
