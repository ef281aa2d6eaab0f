"""Write every report that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ccops import __version__
from ccops.core.reports.files import check_specs, parts_of, write_text
from ccops.core.reports.github import github
from ccops.core.reports.junit import junit
from ccops.core.reports.markdown import markdown
from ccops.core.reports.marks import MarkReport
from ccops.core.reports.sarif import sarif

KINDS = ("junit", "sarif", "github", "md")
_WRITERS: Mapping[str, Callable[[MarkReport], str]] = {
    "junit": junit,
    "sarif": lambda report: sarif(report, __version__),
    "github": github,
    "md": markdown,
}


def check_reports(specs: Sequence[str], *, stdout_taken: bool) -> None:
    """Raise UsageError for a report that can't be written, before any work is done for it."""
    check_specs(specs, KINDS, stdout_taken=stdout_taken)


def write_reports(specs: Sequence[str], report: MarkReport, instead: Mapping[str, str] | None = None) -> None:
    """Write `report` to every `KIND=PATH`. `instead` holds texts that a gate renders better itself."""
    for spec in specs:
        kind, path = parts_of(spec, KINDS)
        text = (instead or {}).get(kind)
        write_text(path, _WRITERS[kind](report) if text is None else text)
