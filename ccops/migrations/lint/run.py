"""Lint the revisions that are new: since a reference, or since the last release."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from ccops.core.errors import CcopsError
from ccops.core.places import shown
from ccops.core.reports.marks import Mark, Severity
from ccops.migrations.allowing import allow, lines_of
from ccops.migrations.base import lock_at, usual
from ccops.migrations.check import project
from ccops.migrations.codes import CODES
from ccops.migrations.config import AlembicConfig
from ccops.migrations.files import bytes_of
from ccops.migrations.graph import Graph
from ccops.migrations.history import History
from ccops.migrations.lint.action import Action, Does
from ccops.migrations.lint.operations import operations
from ccops.migrations.lint.plan import Ground, planned, read_named
from ccops.migrations.lint.rules import findings
from ccops.migrations.lint.squawk import find_squawk, squawk_marks
from ccops.migrations.released import lock_path, read_lock
from ccops.migrations.revision import Fault, Revision
from ccops.migrations.scan import parse_errors
from ccops.migrations.scratch import run

# Findings of other parts of the gate may be allowed as well; only of these it is known that they are gone.
_OWN = frozenset(
    {
        "ALEMBIC_DROP_TABLE", "ALEMBIC_DROP_COLUMN", "ALEMBIC_DROP_OBJECT", "ALEMBIC_RENAME",
        "ALEMBIC_RETYPE", "ALEMBIC_SET_NOT_NULL", "ALEMBIC_ADD_REQUIRED", "ALEMBIC_TRUNCATE",
        "ALEMBIC_WRITE_ALL", "ALEMBIC_SQL_COMPUTED", "ALEMBIC_CONCURRENT", "ALEMBIC_INDEX_LEFTOVER",
        "ALEMBIC_LOCK_TIMEOUT",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LintCall:
    """What to lint. `since` "" means: what released.lock does not hold; `static`: no migration is run."""

    config: Path
    since: str = ""
    static: bool = False
    python: str = sys.executable
    settings: Mapping[str, str] | None = None
    timeout_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Linted:
    """What was found, in which revisions, and of each part what was looked at."""

    config: AlembicConfig
    marks: tuple[Mark, ...]
    revisions: tuple[Revision, ...]
    parts: Mapping[str, str]

    @property
    def open(self) -> tuple[Mark, ...]:
        """Return the findings nobody answered for."""
        return tuple(mark for mark in self.marks if not mark.accepted)

    @property
    def failed(self) -> bool:
        """Return whether an error is open."""
        return any(mark.severity is Severity.ERROR for mark in self.open)


def lint(call: LintCall, today: date) -> Linted:
    """Lint the new revisions. Raises UsageError for a project, lock or reference that can't be read."""
    config, scanned, graph = project(call.config)
    released, new, how = _new(call, config, graph)
    broken = [_mark_of(fault) for fault in scanned.faults]
    if not graph.nodes:
        broken.append(Mark("ALEMBIC_EMPTY", "the project has no revisions", file=shown(config.path)))
    if scanned.parsed < scanned.files:  # a file that was read by its head may be broken further down
        known = {fault.path for fault in scanned.faults}
        broken += [
            _mark_of(fault) for fault in parse_errors(one.path for one in new) if fault.path not in known
        ]
    ground = Ground(graph, released, cache(_actions))
    timeout_set = _timeout_set(config)
    marks = list(broken)
    for node in new:
        marks += _static(node, ground, timeout_set=timeout_set)
    said, rendered = _squawk(call, config, new)
    every = allow([*marks, *rendered], new, today, _expected)
    parts = {"revisions": f"{len(new)} of {len(graph.nodes)}: {how}", "squawk": said}
    ordered = sorted(every, key=lambda mark: (mark.file, mark.line, mark.code))
    return Linted(config, tuple(ordered), tuple(new), parts)


def _new(call: LintCall, config: AlembicConfig, graph: Graph) -> tuple[set[str], list[Revision], str]:
    """Return what is released, what is linted (oldest first), and a sentence on how that was chosen."""
    order = [graph.nodes[ident] for ident in graph.ordered(set(graph.nodes))]
    name, history = lock_path(config).name, History(config.locations[0])
    held, more = _held(config, history)
    if call.since:
        history.check_ref(call.since)
        there = {path.resolve() for path in history.at(call.since, config.locations)}
        there -= history.changed(call.since, config.locations)
        # What the base branch has is deployed from there: it may carry a plan as what is held may.
        old = {node.id for node in order if node.path.resolve() in there}
        return held | old, [node for node in order if node.id not in old], f"not in {call.since}"
    new = [node for node in order if node.id not in held]
    if not held and not more:
        return held, new, f"nothing is held by {name}, so all are looked at"
    this = f", or only since this branch: {', '.join(sorted(more))}" if more else ""
    return held, new, f"not held by {name}{this}"


def _held(config: AlembicConfig, history: History) -> tuple[set[str], set[str]]:
    """Return what is released, and what is so only since this branch left the base branch.

    Whoever could release by a line in the same branch would be looked at by nobody.
    """
    held = set(read_lock(lock_path(config)))
    name = "" if history.why_not else usual(history)
    left = history.merge_base(name) if name else ""
    if not left or not history.covers(lock_path(config).resolve()):
        return held, set()
    before = set(lock_at(left, config, history))
    return held & before, held - before


def _mark_of(fault: Fault) -> Mark:
    return Mark(fault.code, fault.message, file=shown(fault.path), line=fault.line, detail=fault.detail)


def _expected(code: str) -> bool:
    """Return whether a comment that allows `code` should have its finding here: ours, and a misspelt one."""
    return code in _OWN or (code.startswith("ALEMBIC_") and code not in CODES)


def _static(node: Revision, ground: Ground, *, timeout_set: bool) -> Iterator[Mark]:
    file = shown(node.path)
    found = findings(node, ground.actions_of(node), file, timeout_set=timeout_set)
    yield from planned(node, found, read_named(lines_of(node)), ground, file)


def _actions(node: Revision) -> Sequence[Action]:
    try:
        return operations(bytes_of(node.path))
    except (SyntaxError, ValueError):
        return ()  # a finding of its own: the file is no Python
    except (RecursionError, MemoryError):
        return (Action(Does.COMPUTED, line=1, sql="the file is too deep to be read to its end"),)


def _timeout_set(config: AlembicConfig) -> bool:
    try:
        return "lock_timeout" in (config.script_location / "env.py").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def _squawk(call: LintCall, config: AlembicConfig, new: Sequence[Revision]) -> tuple[str, list[Mark]]:
    """Return what was looked at by squawk, and its findings. What can't be rendered is said, by name."""
    if call.static:
        return "not looked at: --static", []
    squawk = find_squawk(config.path.resolve().parent)
    if squawk is None:
        return "not looked at: squawk is not installed (pip install squawk-cli)", []
    if not new:
        return "nothing to look at", []
    runner = run.Runner(config, call.python, call.settings, call.timeout_s)
    try:
        answers = list(run.rendered(runner, new))
    except CcopsError as error:
        return f"not looked at: {error.evidence or error.message}", []
    by_id, marks, left = {node.id: node for node in new}, [], []
    for answer in answers:
        node = by_id[str(answer["revision"])]
        found, why = squawk_marks(squawk, node, answer, shown(node.path))
        marks += found
        if why:
            line = f" (line {answer['line']})" if answer.get("line") else ""
            left.append(f"{node.id} not: {why}{line}")
    return "; ".join([f"{len(answers) - len(left)} of {len(new)} revisions", *left]), marks
