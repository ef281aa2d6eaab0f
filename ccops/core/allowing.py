"""Comments that let one finding stand: `ccops: allow=CODE reason=why until=2027-01-31`.

A reason is a must; a day is not, and past it the comment allows nothing. `reason` and `until` may come in
either order. Every linter reads them here, so that they mean the same everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from ccops.core.reports.marks import Mark

_ALLOW = re.compile(r"ccops:\s*allow=(?P<code>[A-Z][A-Z0-9_]*)(?P<rest>\s.*?)?\s*(?:-->|\*/)?\s*$")
_FIRST = re.compile(r"\s*until=(?P<until>\S+)(?P<rest>.*)$")
_LAST = re.compile(r"(?P<rest>.*\s)until=(?P<until>\S+)\s*$")
_REASON = re.compile(r"\s*reason=(?P<reason>.*)$")
_COMMENT_ONLY = re.compile(r"^\s*(#|//|/\*|<!--|\*)")


@dataclass(frozen=True, slots=True)
class Allowed:
    """A comment that lets one finding stand: on its own line, or on the line above alone."""

    code: str
    line: int  # of the comment
    covers: int  # the line it speaks of
    reason: str
    until: str

    def holds(self, today: date) -> bool:
        """Return whether it has a reason and is not over. A date that is none is over."""
        if not self.reason.strip():
            return False
        if not self.until:
            return True
        try:
            return date.fromisoformat(self.until) >= today
        except ValueError:
            return False


def read_allowed(lines: Sequence[str]) -> list[Allowed]:
    """Return the comments among `lines` (of any language) that allow something."""
    found = []
    for number, line in enumerate(lines, 1):
        if "ccops:" in line and (comment := _ALLOW.search(line)):
            reason, until = _parts(comment["rest"] or "")
            covers = _covered(lines, number) if _COMMENT_ONLY.match(line) else number
            found.append(Allowed(comment["code"], number, covers, reason, until))
    return found


def _parts(rest: str) -> tuple[str, str]:
    until = ""
    if fits := _FIRST.match(rest) or _LAST.match(rest):
        rest, until = fits["rest"], fits["until"]
    reason = _REASON.match(rest)
    return (reason["reason"].strip().strip("\"'") if reason else ""), until


def _covered(lines: Sequence[str], number: int) -> int:
    """Return the line below a comment of its own; several such comments speak of the same line."""
    below = number + 1
    while below <= len(lines) and _COMMENT_ONLY.match(lines[below - 1]) and _ALLOW.search(lines[below - 1]):
        below += 1
    return below


def judged(
    marks: Sequence[Mark],
    comments: Mapping[str, Sequence[Allowed]],
    today: date,
    invalid: Callable[[str, Allowed, str], Mark],
    unused: Callable[[str, Allowed], Mark | None],
) -> Iterator[Mark]:
    """Yield `marks`, those that a comment of their file allows as accepted, and what is wrong with comments.

    `invalid(file, comment, why)` makes the finding for a comment that allows nothing; `unused(file,
    comment)` that for one without a finding, or None where it belongs to another linter.
    """
    used: set[tuple[str, int]] = set()
    for mark in marks:
        fits = [
            one for one in comments.get(mark.file, ()) if (one.code, one.covers) == (mark.code, mark.line)
        ]
        used |= {(mark.file, one.line) for one in fits}
        good = next((one for one in fits if one.holds(today)), None)
        yield replace(mark, accepted=good.reason) if good else mark
        if fits and not good:
            why = "its date is over" if fits[0].reason else "it gives no reason"
            yield invalid(mark.file, fits[0], f"this comment allows nothing: {why}")
    for name, found in comments.items():
        for one in found:
            mark_or_none = unused(name, one) if (name, one.line) not in used else None
            if mark_or_none is not None:
                yield mark_or_none
