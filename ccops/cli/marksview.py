"""How a gate's marks look: on a screen, in the envelope, in the machine form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ccops.core.output import Issue
from ccops.core.places import printable
from ccops.core.reports.marks import Mark, Severity

if TYPE_CHECKING:
    from rich.console import Console

_STYLE = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "dim"}


def place(mark: Mark) -> str:
    """Return `file:line:column` as far as they are known."""
    numbers = f":{mark.line}" if mark.line else ""
    return f"{mark.file}{numbers}" + (f":{mark.column}" if mark.column else "")


def draw(screen: Console, mark: Mark) -> None:
    """Draw a mark: where, what, the evidence, the next step; an accepted one in a line."""
    head = f"{place(mark)}: " if mark.file else ""
    allowed = f"  allowed: {mark.accepted}" if mark.accepted else ""
    style = "dim" if mark.accepted else _STYLE[mark.severity]
    text = printable(f"{head}{mark.severity}[{mark.code}]: {mark.message}{allowed}")
    screen.print(text, style=style, markup=False, soft_wrap=True)
    if mark.accepted:
        return
    for line in mark.detail.splitlines():
        screen.print(f"  {printable(line)}", markup=False, soft_wrap=True)
    if mark.next_step:
        screen.print(f"next: {printable(mark.next_step)}", markup=False, soft_wrap=True)


def draw_checked(
    screen: Console,
    title: str,
    parts: Mapping[str, str],
    marks: Sequence[Mark],
    outcome: str,
    *,
    failed: bool,
) -> None:
    """Draw what was looked at, part by part, every mark, and the outcome."""
    screen.print(printable(title), style="bold", markup=False, soft_wrap=True)
    for part, text in parts.items():
        screen.print(f"  {part:<10} {printable(text)}", markup=False, soft_wrap=True)
    for mark in marks:
        draw(screen, mark)
    screen.print(outcome, style="bold red" if failed else "bold green", markup=False)


def issue(mark: Mark) -> Issue:
    """Return a mark as an issue of the envelope."""
    return Issue(
        mark.code,
        mark.message,
        mark.severity.value,
        evidence=mark.detail,
        next_step=mark.next_step,
        where=place(mark),
    )


def finding(mark: Mark) -> dict[str, object]:
    """Return the machine form of a mark."""
    return {
        "code": mark.code,
        "severity": mark.severity.value,
        "file": mark.file,
        "line": mark.line,
        "column": mark.column,
        "message": mark.message,
        "detail": mark.detail,
        "allowed": mark.accepted or None,
    }
