"""`--report KIND=PATH`: where a report goes, checked before anything is started for it; `-` is stdout."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ccops.core.errors import Degraded, UsageError


def parts_of(spec: str, kinds: Sequence[str]) -> tuple[str, str]:
    """Return kind and path of `KIND=PATH`. Raises UsageError for what can't be written."""
    kind, sign, path = spec.partition("=")
    if not sign or not path or kind not in kinds:
        raise UsageError(
            "REPORT_UNKNOWN",
            f"--report {spec!r} is not KIND=PATH",
            evidence=f"kinds: {', '.join(kinds)}; PATH - is the standard output",
            next_step="--report junit=report.xml",
        )
    if path != "-":
        check_writable(Path(path).resolve())
    return kind, path


def check_specs(specs: Sequence[str], kinds: Sequence[str], *, stdout_taken: bool) -> None:
    """Raise UsageError for reports that can't be written, before anything is started for them."""
    for spec in specs:
        parts_of(spec, kinds)
    paths = [spec.partition("=")[2] for spec in specs]
    twice = next((path for path in paths if paths.count(path) > 1), "")
    if twice or (stdout_taken and "-" in paths):
        raise UsageError(
            "REPORT_PLACE_TAKEN",
            "two reports can't share one place",
            evidence=f"{twice} is named twice" if twice else "-o already writes the result to stdout",
            next_step="give each --report a file of its own",
        )


def write_text(path: str, text: str) -> None:
    """Write a whole report. Raises Degraded when it is not complete."""
    try:
        if path == "-":
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise lost(path, error) from None


def lost(path: str, error: OSError) -> Degraded:
    """Return the error of a report that could not be finished."""
    return Degraded(
        "REPORT_LOST",
        f"the report {'on the standard output' if path == '-' else path} is not complete",
        evidence=f"{type(error).__name__}: {error.strerror}",
        next_step="--report KIND=PATH with another file",
    )


def check_writable(path: Path) -> None:
    """Raise UsageError when a file can't be written there; one that is not there yet is not left behind."""
    if not path.parent.is_dir():
        raise UsageError(
            "REPORT_FOLDER",
            f"no folder for {path.name}",
            evidence=f"{path.parent} does not exist",
            next_step=f"mkdir -p {path.parent}",
        )
    new = not path.exists()
    try:
        with path.open("a", encoding="utf-8"):
            pass
        if new:
            path.unlink()
    except OSError as error:
        raise UsageError(
            "REPORT_UNWRITABLE",
            f"{path} can't be written",
            evidence=f"{type(error).__name__}: {error.strerror}",
            next_step="--report KIND=PATH with a file in a folder that is yours",
        ) from None
