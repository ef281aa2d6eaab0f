"""Exit codes and the one error type that people see."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process ends with; README's table is held against this enum by a test."""

    OK = 0
    NEGATIVE = 1
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    DEGRADED = 5
    BUG = 70
    INTERRUPTED = 130


MEANING: dict[ExitCode, str] = {
    ExitCode.OK: "done; the check is clean; the plan is empty or was only printed",
    ExitCode.NEGATIVE: "negative verdict: assertion failed, difference found, or nothing was looked at",
    ExitCode.USAGE: "wrong call, configuration, scenario or input file",
    ExitCode.REFUSED: "refused, nothing was changed",
    ExitCode.UNREACHABLE: "a target could not be reached, or a watcher lost its connection",
    ExitCode.DEGRADED: "changed, but the post-condition failed or it was rolled back",
    ExitCode.BUG: "a bug in ccops; a crash file was written",
    ExitCode.INTERRUPTED: "interrupted; clean-up is reported",
}

_SEVERITY = (
    ExitCode.INTERRUPTED,
    ExitCode.BUG,
    ExitCode.DEGRADED,
    ExitCode.UNREACHABLE,
    ExitCode.REFUSED,
    ExitCode.USAGE,
    ExitCode.NEGATIVE,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code that a run over several checks ends with (70 > 5 > 4 > 3 > 2 > 1 > 0)."""
    seen = set(codes)
    return next((code for code in _SEVERITY if code in seen), ExitCode.OK)


class CcopsError(Exception):
    """A failure a person can act on: what happened, the evidence, the next command.

    `code` is a stable UPPER_SNAKE name. Subclasses live beside the code that raises them.
    """

    exit_code: ExitCode = ExitCode.USAGE

    def __init__(
        self,
        code: str,
        message: str,
        *,
        evidence: str = "",
        next_step: str = "",
        exit_code: ExitCode | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.evidence = evidence
        self.next_step = next_step
        if exit_code is not None:
            self.exit_code = exit_code


class UsageError(CcopsError):
    """The call, a configuration or an input file is wrong (exit 2)."""

    exit_code = ExitCode.USAGE


class Refused(CcopsError):
    """A guard said no and nothing was changed (exit 3)."""

    exit_code = ExitCode.REFUSED


class Unreachable(CcopsError):
    """A target did not answer (exit 4)."""

    exit_code = ExitCode.UNREACHABLE


class Degraded(CcopsError):
    """Something was changed and its post-condition does not hold (exit 5)."""

    exit_code = ExitCode.DEGRADED
