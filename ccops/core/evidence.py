"""What a check leaves behind: one file that says what ran, on what, when, and what came of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ccops.core.atomic import write_whole
from ccops.core.clock import iso

SCHEMA = "ccops.evidence/v1"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One run of one check.

    argv      what ran, as a person would type it
    inputs    digest by input pattern: of files that decide the result, so that a later change makes it stale
    versions  of ccops, Python, the commit and whether the tree was clean
    report    the envelope the command printed; None when it printed none
    """

    check: str
    env: str
    argv: tuple[str, ...]
    exit_code: int
    started_at: datetime
    duration_ms: int
    inputs: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    report: object = None


def path_of(folder: Path, env: str, check: str) -> Path:
    """Return where the evidence of `check` in environment `env` is kept."""
    return folder / env / f"{check}.json"


def write(folder: Path, evidence: Evidence) -> Path:
    """Write the evidence whole, in place of the one before; return its path."""
    path = path_of(folder, evidence.env, evidence.check)
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = {
        "schema": SCHEMA,
        "check": evidence.check,
        "env": evidence.env,
        "argv": list(evidence.argv),
        "exit_code": evidence.exit_code,
        "started_at": iso(evidence.started_at),
        "duration_ms": evidence.duration_ms,
        "inputs": dict(evidence.inputs),
        "versions": dict(evidence.versions),
        "report": evidence.report,
    }
    write_whole(path, json.dumps(plain, ensure_ascii=False, indent=1))
    return path


def read(path: Path) -> Evidence | None:
    """Return the evidence in `path`; None when there is none, or it can't be believed."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain["schema"] != SCHEMA:
            return None
        started = datetime.fromisoformat(plain["started_at"])
        if started.tzinfo is None:
            return None
        return Evidence(
            check=str(plain["check"]),
            env=str(plain["env"]),
            argv=tuple(map(str, plain["argv"])),
            exit_code=int(plain["exit_code"]),
            started_at=started,
            duration_ms=int(plain["duration_ms"]),
            inputs={str(key): str(value) for key, value in plain["inputs"].items()},
            versions={str(key): str(value) for key, value in plain["versions"].items()},
            report=plain.get("report"),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def digests(root: Path, patterns: Iterable[str]) -> dict[str, str]:
    """Return a digest for each glob below `root`, over names and bytes; "" where nothing matches.

    A pattern that is no glob below a folder matches nothing; a file that can't be read has its own digest.
    """
    return {pattern: _digest(root, pattern) for pattern in patterns}


def _digest(root: Path, pattern: str) -> str:
    total = hashlib.sha256()
    seen = False
    try:
        paths = sorted(root.glob(pattern))
    except (ValueError, NotImplementedError):
        return ""
    for path in paths:
        if path.is_file() and "__pycache__" not in path.parts:
            seen = True
            total.update(f"{path.relative_to(root).as_posix()}\0".encode())
            total.update(_content(path))
    return total.hexdigest() if seen else ""


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        return f"unreadable: {error.errno}".encode()
