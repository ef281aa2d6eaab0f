"""The scratch part of `alembic check`: drift, the way back and the locks, in one run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ccops.core.clock import SystemClock
from ccops.core.errors import UsageError
from ccops.core.places import shown
from ccops.core.reports.marks import Mark
from ccops.migrations.allowing import allow
from ccops.migrations.check import Checked
from ccops.migrations.released import lock_path, read_lock
from ccops.migrations.revision import Revision
from ccops.migrations.scratch import run
from ccops.migrations.scratch.drift import baseline_path, drift_marks, read_drift
from ccops.migrations.scratch.locks import Size, lock_marks, locks_of
from ccops.migrations.scratch.roundtrip import round_trip_marks
from ccops.migrations.scratch.server import Server, scratch_server
from ccops.migrations.scratch.sizes import calibrate, read_sizes

# The graph as it is here is sound, whatever became of a file or of another branch.
_ELSEWHERE = frozenset({"ALEMBIC_EDITED", "ALEMBIC_NOT_FROM_BASE"})
BUNDLED_METADATA = "ccops.backend.models:metadata"
# Its settings module wants them; no migration of it looks at either.
BUNDLED_SETTINGS = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing",
    "UNLIMITED_INVITE_CODE": "5858",
}


@dataclass(frozen=True, slots=True)
class ScratchCall:
    """What to try out. `last` 0 means: what is not held as released, or all when nothing is held."""

    last: int = 0
    metadata: str = ""
    sizes: Path | None = None
    python: str = sys.executable
    settings: Mapping[str, str] | None = None
    timeout_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it, and what was looked at."""

    marks: tuple[Mark, ...]
    parts: Mapping[str, str]


def look(checked: Checked, call: ScratchCall) -> Tried:
    """Try the project out; one whose graph has errors is not, and `parts` says so.

    Raises UsageError when it can't be run.
    """
    if any(mark.severity == "error" and _of_the_graph(mark) for mark in checked.marks):
        why = "the graph has errors: nothing was tried out"
        return Tried((), {"scratch": why})
    sizes = read_sizes(call.sizes) if call.sizes else {}
    runner = run.Runner(checked.config, call.python, call.settings, call.timeout_s)
    order = [checked.graph.nodes[ident] for ident in checked.graph.ordered(set(checked.graph.nodes))]
    chosen = _chosen(checked, call, order)
    held = read_lock(lock_path(checked.config))
    all_held = not call.last and all(node.id in held for node in chosen)
    with scratch_server() as server:
        walked = _walked(runner, server, order, chosen, sizes, all_held=all_held)
        drift = _drift(runner, server, call.metadata)
    return Tried((*walked.marks, *drift.marks), {**walked.parts, **drift.parts})


def _of_the_graph(mark: Mark) -> bool:
    """Return whether an error keeps the files here from being run: one of a database elsewhere does not."""
    return mark.subject != "database" and mark.code not in _ELSEWHERE


def _chosen(checked: Checked, call: ScratchCall, order: list[Revision]) -> list[Revision]:
    """Return what is tried: never nothing, or a way back would be proved by nobody having walked it."""
    if call.last:
        return order[-call.last :]
    held = read_lock(lock_path(checked.config))
    return [node for node in order if node.id not in held] or order[-1:]


def _walked(
    runner: run.Runner,
    server: Server,
    order: list[Revision],
    check: list[Revision],
    sizes: Mapping[str, Size],
    *,
    all_held: bool,
) -> Tried:
    """Go up `order`, and around each of `check` down and up again, with its locks measured."""
    by_id = {node.id: node for node in order}
    marks: list[Mark] = []
    answered = 0
    with server.database() as url:
        rates = calibrate(url) if sizes else None
        for answer in run.stairs(runner, url, order, check):
            node = by_id[str(answer["revision"])]
            answered += 1
            marks += round_trip_marks(node, answer, shown(node.path))
            marks += lock_marks(node, locks_of(answer), shown(node.path), sizes, rates)
    # Whether a comment about something else still has its finding, the linter says.
    marks = allow(marks, check, SystemClock().now().date(), lambda code: False)
    tried = f"{answered} of {len(order)} revisions up, down and up again"
    if all_held:
        tried += "; all are held as released: the newest was tried (--last N)"
    parts = {
        "round trip": tried,
        "locks": f"measured for {answered} revisions" if answered else "none measured",
    }
    return Tried(tuple(marks), parts)


def _drift(runner: run.Runner, server: Server, metadata: str) -> Tried:
    """Compare the migrations with the models, if there are any."""
    if not metadata:
        return Tried((), {"drift": "not looked at: --metadata MODULE:NAME"})
    with server.database() as url:
        answers = list(run.drift(runner, url, metadata))
    if not answers or "drift" not in answers[0]:
        raise UsageError("ALEMBIC_SCRATCH", "drift gave no answer", next_step="--metadata MODULE:NAME")
    path = baseline_path(runner.config)
    drift = read_drift(answers[0]["drift"], path)
    known = len(drift.now) - len(drift.new)
    said = f"{len(drift.now)} differences from {metadata}, {known} known"
    return Tried(tuple(drift_marks(drift, shown(path))), {"drift": said})
