"""What the gate runs, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ccops.core.errors import ExitCode


class Stage(StrEnum):
    """When a check runs. A later stage has everything of the earlier ones."""

    PR = "pr"
    NIGHTLY = "nightly"
    RELEASE = "release"


STAGES = tuple(Stage)


class Needs(StrEnum):
    """What must be there for a check to look at anything."""

    NOTHING = "nothing"
    STACK = "a running stack"


@dataclass(frozen=True, slots=True)
class Check:
    """One command of ccops as a check.

    argv    its words after `ccops`, without -o; `{env}` stands for the environment
    stage   the first stage that runs it
    inputs  globs below the project's root: files whose change makes an old result stale
    alone   it changes what others look at, so it runs after them and by itself
    """

    name: str
    capability: str
    argv: tuple[str, ...]
    about: str
    stage: Stage = Stage.PR
    needs: Needs = Needs.NOTHING
    inputs: tuple[str, ...] = ()
    timeout_s: float = 120.0
    alone: bool = False


class Verdict(StrEnum):
    """How a check ended. What could not look is never `ok`."""

    OK = "ok"
    FAILED = "failed"
    NOT_RUN = "could not run"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One check's end. `summary` is a line for people; `issues` are those of its envelope."""

    check: Check
    verdict: Verdict
    code: ExitCode
    seconds: float
    summary: str
    issues: tuple[Mapping[str, object], ...] = ()
    evidence: Path | None = None


def verdict_of(code: int) -> Verdict:
    """Return what an exit code means for a gate: refused and unreachable are neither good nor bad news."""
    if code == ExitCode.OK:
        return Verdict.OK
    if code in {ExitCode.REFUSED, ExitCode.UNREACHABLE, ExitCode.INTERRUPTED}:
        return Verdict.NOT_RUN
    return Verdict.FAILED
