"""Markdown that a pull request shows: texts that can't break out of their cell, and the report of marks."""

from __future__ import annotations

import re

from ccops.core.reports.marks import Mark, MarkReport

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~])")
_TICKS = re.compile(r"`+")


def escaped(text: str) -> str:
    """Return `text` as words of one line: no markup, no mention, no line break."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split())).replace("@", "@\u200b")


def code_span(text: str) -> str:
    """Return `text` as inline code, whatever ticks and pipes it holds."""
    flat = " ".join(text.split()).replace("|", "\\|")
    ticks = "`" * (max((len(run) for run in _TICKS.findall(flat)), default=0) + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") or not flat else ""
    return f"{ticks}{pad}{flat}{pad}{ticks}"


def fenced(text: str, language: str = "") -> str:
    """Return `text` as a block of code, whatever ticks it holds."""
    ticks = "`" * max(3, max((len(run) for run in _TICKS.findall(text)), default=0) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def markdown(report: MarkReport) -> str:
    """Return a heading, the summary and a table of the marks."""
    lines = [f"## {escaped(report.tool)}", ""]
    if report.broken:
        lines += [f"**Nothing was judged: {escaped(report.broken)}**", ""]
    if report.summary:
        lines += [escaped(report.summary), ""]
    if report.marks:
        lines += ["| | Code | Where | What |", "| --- | --- | --- | --- |"]
        lines += [_row(report, mark) for mark in report.marks]
    return "\n".join([*lines, ""])


def _row(report: MarkReport, mark: Mark) -> str:
    sign = (
        "❌" if report.fails(mark) else "✅" if mark.accepted else "⚠️" if mark.severity == "warning" else "ℹ️"
    )
    place = ":".join(str(part) for part in (mark.file, mark.line) if part) or mark.subject
    said = escaped(mark.message) + (f" (accepted: {escaped(mark.accepted)})" if mark.accepted else "")
    return f"| {sign} | {code_span(mark.code)} | {code_span(place)} | {said} |"
