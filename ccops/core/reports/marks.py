"""The one shape that findings of every gate take before they are written for other programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ccops.core.output import Issue


class Severity(StrEnum):
    """How loud a mark is. The words are those of `Issue.severity`."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Mark:
    """One finding at its place.

    file         path as people know it (relative, `/` between folders); "" when there is none
    line         from 1; 0 when unknown
    subject      what it is about, for a test case's name ("GET /api/users/me")
    detail       lines below the message: evidence, a witness
    fingerprint  stays when the message is reworded; "" when the gate has none
    accepted     why somebody answered for it; "" while it is open
    """

    code: str
    message: str
    severity: Severity = Severity.ERROR
    file: str = ""
    line: int = 0
    column: int = 0
    subject: str = ""
    detail: str = ""
    next_step: str = ""
    fingerprint: str = ""
    accepted: str = ""


@dataclass(frozen=True, slots=True)
class MarkReport:
    """All marks of one run. `checked` are subjects that were looked at and are fine, for JUnit.

    failing  severities that make the run red; others are reported and do not fail a test case
    broken   why nothing could be judged; "" when something was
    """

    tool: str
    marks: tuple[Mark, ...] = ()
    checked: tuple[str, ...] = ()
    failing: frozenset[Severity] = frozenset({Severity.ERROR})
    rules: Mapping[str, str] = field(default_factory=dict)  # code -> what it means
    summary: str = ""
    broken: str = ""

    def fails(self, mark: Mark) -> bool:
        """Return whether `mark` makes the run red."""
        return not mark.accepted and mark.severity in self.failing


def of_issues(issues: Iterable[Issue]) -> tuple[Mark, ...]:
    """Return the issues of an envelope as marks; `where` is `file[:line[:column]]`."""
    return tuple(_mark(issue) for issue in issues)


def _mark(issue: Issue) -> Mark:
    file, line, column = place_of(issue.where)
    severity = Severity(issue.severity) if issue.severity in set(Severity) else Severity.ERROR
    return Mark(
        issue.code,
        issue.message,
        severity,
        file=file,
        line=line,
        column=column,
        detail=issue.evidence,
        next_step=issue.next_step,
    )


def place_of(where: str) -> tuple[str, int, int]:
    """Return file, line and column of `file:12:5`; what is no number belongs to the file's name."""
    numbers: list[int] = []
    rest = where
    while len(numbers) < 2:
        head, sign, tail = rest.rpartition(":")
        if not sign or not tail.isdecimal():
            break
        numbers.insert(0, int(tail))
        rest = head
    return (rest, *numbers, 0, 0)[:3]  # type: ignore[return-value]
