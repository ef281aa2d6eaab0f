"""What a question of the doctor is answered with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ccops.core.profile import Profile


class Level(StrEnum):
    """FAIL keeps the stack from starting; WARN takes something away; SKIP could not be looked at."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer: what was seen, and the next step unless all is well."""

    level: Level
    text: str
    next_step: str = ""


Question = Callable[[Profile], Finding]


def good(text: str) -> Finding:
    """Return a PASS."""
    return Finding(Level.PASS, text)


def warn(text: str, next_step: str) -> Finding:
    """Return a WARN."""
    return Finding(Level.WARN, text, next_step)


def fail(text: str, next_step: str) -> Finding:
    """Return a FAIL."""
    return Finding(Level.FAIL, text, next_step)


def skip(text: str) -> Finding:
    """Return a SKIP."""
    return Finding(Level.SKIP, text)
