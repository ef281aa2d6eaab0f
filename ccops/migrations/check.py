"""The static check of an Alembic project, and where a database stands in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ccops.core.places import shown
from ccops.core.reports.marks import Mark, Severity
from ccops.migrations.base import merged_marks, read_base
from ccops.migrations.checks import Around, graph_marks
from ccops.migrations.config import AlembicConfig, read_config
from ccops.migrations.database import applied_of, read_stand, stand_marks
from ccops.migrations.dynamic import run_dynamic
from ccops.migrations.forks import Known, fork_mark, fork_of
from ccops.migrations.graph import Graph
from ccops.migrations.history import History
from ccops.migrations.released import lock_path, read_lock
from ccops.migrations.revision import Scanned
from ccops.migrations.scan import parse_errors, scan

# Beyond this many files only the newest are parsed to the end; see scan.py.
_PARSE_NEWEST = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look at. `base` "" looks for the usual names; `database_url` "" asks no database."""

    config: Path
    base: str = ""
    database_url: str = ""
    version_table: str = "alembic_version"
    run_dynamic: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found. `parts` says of each part what was looked at, or why nothing was."""

    config: AlembicConfig
    graph: Graph
    files: int
    marks: tuple[Mark, ...]
    parts: dict[str, str]

    @property
    def failed(self) -> bool:
        """Return whether an error is open, or nothing was looked at."""
        return any(mark.severity is Severity.ERROR and not mark.accepted for mark in self.marks)


def check(wanted: Wanted) -> Checked:
    """Check the project of `wanted.config`; no file of it runs unless `run_dynamic`.

    Raises UsageError for a configuration, lock or reference that can't be read, Unreachable for a database.
    """
    config = read_config(wanted.config)
    scanned, graph = _scanned(config, run=wanted.run_dynamic)
    history = History(config.locations[0])
    base = read_base(wanted.base, config, graph, history)
    # A line of the lock that this branch took out or changed still holds.
    released = {**read_lock(lock_path(config)), **base.released}
    around = Around(shown, released, lambda ident: history.places_with(ident, config.locations), base.name)
    marks = graph_marks(scanned, graph, around)
    parts = {"graph": _graph_part(scanned, graph)}
    parts["released"] = f"{len(released)} held by {lock_path(config).name}" if released else "none is held"
    parts["base"] = base.part
    known = Known(base=base.held, base_known=not base.why_not, released=frozenset(released))
    if wanted.database_url:
        stand = read_stand(wanted.database_url, wanted.version_table)
        known = replace(known, applied=applied_of(stand, graph))
        marks += stand_marks(stand, graph)
        parts["database"] = f"at {', '.join(stand.rows) or 'nothing'}"
    else:
        parts["database"] = "not asked (--db)"
    marks += _head_marks(graph, known, around, config, history)
    # Two heads here are two heads after a merge as well: said once.
    marks += merged_marks(graph, base) if len(graph.heads) == 1 else []
    return Checked(config, graph, scanned.files, tuple(marks), parts)


def project(config_path: Path, *, run: bool = False) -> tuple[AlembicConfig, Scanned, Graph]:
    """Return configuration, files and graph of a project, for the other commands of the gate."""
    config = read_config(config_path)
    return (config, *_scanned(config, run=run))


def _scanned(config: AlembicConfig, *, run: bool) -> tuple[Scanned, Graph]:
    scanned = scan(config)
    if run:
        computed = [fault for fault in scanned.faults if fault.code == "ALEMBIC_DYNAMIC"]
        more, left = run_dynamic(computed, config.sys_path)
        ran = {revision.path for revision in more}
        revisions = [one for one in scanned.revisions if one.path not in ran]
        faults = [fault for fault in scanned.faults if fault.code != "ALEMBIC_DYNAMIC"]
        scanned = replace(scanned, revisions=(*revisions, *more), faults=(*faults, *left))
    graph = Graph(scanned.revisions)
    if scanned.parsed < scanned.files:
        newest = [graph.nodes[ident].path for ident in graph.ordered(set(graph.nodes))[-_PARSE_NEWEST:]]
        read = {fault.path for fault in scanned.faults}
        faults = [fault for fault in parse_errors(newest) if fault.path not in read]
        parsed = scanned.parsed + len(newest)
        scanned = replace(scanned, faults=(*scanned.faults, *faults), parsed=min(parsed, scanned.files))
    return scanned, graph


def _graph_part(scanned: Scanned, graph: Graph) -> str:
    heads, bases = ", ".join(graph.heads) or "none", ", ".join(graph.bases) or "none"
    text = f"{scanned.files} files, {len(graph.nodes)} revisions, head {heads}, base {bases}"
    if scanned.parsed < scanned.files:
        text += f"; {scanned.parsed} parsed to the end, the others by their head"
    return text


def _head_marks(
    graph: Graph, known: Known, around: Around, config: AlembicConfig, history: History
) -> list[Mark]:
    if graph.nodes and not graph.heads:
        return [Mark("ALEMBIC_NO_HEAD", "there is no head: the graph goes round", subject="heads")]
    fork = fork_of(graph, known)
    if fork is None:
        return []
    paths = [node.path for side in fork.sides for node in side.chain]
    return [fork_mark(fork, around, history.added(paths), config.path, history.why_not)]
