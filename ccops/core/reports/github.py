"""GitHub workflow commands: annotations on the lines of a pull request."""

from __future__ import annotations

from ccops.core.reports.marks import Mark, MarkReport, Severity

_WORD = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def github(report: MarkReport) -> str:
    """Return one annotation per open mark; a text can neither end the line nor begin another command."""
    lines = [_line(mark) for mark in report.marks if not mark.accepted]
    if report.broken:
        lines.insert(0, f"::error title={_property(report.tool)}::{_data(report.broken)}")
    return "".join(f"{line}\n" for line in lines)


def _line(mark: Mark) -> str:
    properties = {
        "file": mark.file,
        "line": str(mark.line or ""),
        "col": str(mark.column or ""),
        "title": mark.code,
    }
    given = ",".join(f"{name}={_property(text)}" for name, text in properties.items() if text)
    subject = f"{mark.subject}: " if mark.subject else ""
    return f"::{_WORD[mark.severity]} {given}::{_data(f'{subject}{mark.message}')}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
