"""The one envelope every command answers with, and how it is written."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO, cast

from ccops.core.clock import iso
from ccops.core.errors import CcopsError, ExitCode
from ccops.core.masking import Masker, mask_urls

if TYPE_CHECKING:
    from rich.console import Console


class Output(StrEnum):
    """Formats of `-o`; the exit code is the same in each."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"
    MD = "md"


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding: stable code, sentence, evidence, the next command, and its place if it has one."""

    code: str
    message: str
    severity: str = "error"
    evidence: str = ""
    next_step: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a command found or did. `text` draws the human form; `data` is the machine form.

    `markdown` replaces the general markdown, for what is made to be read on a pull request.
    """

    schema: str
    data: object
    exit_code: ExitCode = ExitCode.OK
    env: str = ""
    issues: tuple[Issue, ...] = ()
    started_at: datetime | None = None
    duration_ms: int = 0
    text: Callable[[Console], None] | None = None
    masker: Masker = field(default_factory=Masker)
    markdown: str = ""


def envelope(report: Report) -> dict[str, object]:
    """Return the documented JSON object of `report`."""
    return {
        "schema": report.schema,
        "ok": report.exit_code is ExitCode.OK,
        "exit_code": int(report.exit_code),
        "env": report.env,
        "started_at": iso(report.started_at) if report.started_at else None,
        "duration_ms": report.duration_ms,
        "data": report.data,
        "issues": [
            {
                "code": issue.code,
                "severity": issue.severity,
                "message": issue.message,
                "evidence": issue.evidence,
                "next": issue.next_step,
                "where": issue.where,
            }
            for issue in report.issues
        ],
    }


class _Masked:
    """A stream that masks what is written to it. A console writes whole lines, so that nothing is cut."""

    def __init__(self, stream: TextIO, masker: Masker) -> None:
        self._stream, self._masker = stream, masker

    def write(self, text: str) -> int:
        return self._stream.write(self._masker.text(text))

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def error_report(error: CcopsError) -> Report:
    """Return the envelope of a failure that came before there was data."""
    issue = Issue(error.code, error.message, evidence=error.evidence, next_step=error.next_step)
    return Report("ccops.error/v1", None, error.exit_code, issues=(issue,))


def write(report: Report, output: Output, stream: TextIO | None = None) -> None:
    """Write `report` to `stream` (stdout). Secrets are masked by value in every format."""
    stream = stream or sys.stdout
    if output is Output.TEXT:
        if report.text is not None:
            report.text(console(cast("TextIO", _Masked(stream, report.masker))))
        for issue in report.issues:
            sys.stderr.write(issue_text(issue, report.masker))
        return
    plain = report.masker.data(envelope(report))
    if output is Output.JSON:
        stream.write(json.dumps(plain, ensure_ascii=False, indent=2, default=str) + "\n")
    elif output is Output.YAML:
        import yaml

        stream.write(
            yaml.safe_dump(json.loads(json.dumps(plain, default=str)), allow_unicode=True, sort_keys=False)
        )
    else:
        stream.write(report.masker.text(report.markdown) or _markdown(report, plain))
    stream.flush()


def issue_text(issue: Issue, masker: Masker | None = None) -> str:
    """Return the three-line form: what happened, the evidence, the next command."""
    where = f"{issue.where}: " if issue.where else ""
    lines = [f"{where}{issue.severity}[{issue.code}]: {issue.message}"]
    lines += [f"  {line}" for line in issue.evidence.splitlines()]
    if issue.next_step:
        lines.append(f"next: {issue.next_step}")
    text = "\n".join(lines) + "\n"
    return masker.text(text) if masker else mask_urls(text)


def _markdown(report: Report, plain: object) -> str:
    state = "ok" if report.exit_code is ExitCode.OK else f"exit {int(report.exit_code)}"
    lines = [f"## {report.schema}: {state}", ""]
    lines += [f"- **{issue.code}** {mask_urls(issue.message)}" for issue in report.issues]
    body = json.dumps(plain, ensure_ascii=False, indent=2, default=str)
    return "\n".join([*lines, "", "```json", body, "```", ""])


def console(stream: TextIO, *, width: int | None = None) -> Console:
    """Return the one kind of console we draw on: no colour off a terminal or under NO_COLOR."""
    from rich.console import Console

    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb" or not stream.isatty()
    if width is None and not stream.isatty():
        width = int(os.environ.get("COLUMNS", "120") or 120)
    return Console(file=stream, no_color=plain, highlight=False, soft_wrap=plain, width=width)
