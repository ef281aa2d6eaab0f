"""What is wrong with a graph of revisions, each with its place and what to do about it."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ccops.core.reports.marks import Mark, Severity
from ccops.migrations.files import bytes_of
from ccops.migrations.graph import Graph
from ccops.migrations.history import Place
from ccops.migrations.released import digest
from ccops.migrations.revision import Fault, Revision, Scanned

_EXPLAINED_MOST = 20
ID_LENGTH = 32  # alembic_version.version_num is VARCHAR(32)
_REFUSED = re.compile(r"[-@+:\s]")  # the signs are those of alembic.script.revision
_NEXT = {
    "ALEMBIC_SYNTAX": "mend the file; until then its revision is missing from the graph",
    "ALEMBIC_CONFLICT": "resolve the conflict, then git add the file",
    "ALEMBIC_DYNAMIC": "write the ids as plain texts, or let such files run apart: --run-dynamic",
    "ALEMBIC_NO_REVISION": "give it both names, or move it out of the folder of migrations",
    "ALEMBIC_UNREADABLE": "check the file's permissions",
}


@dataclass(frozen=True, slots=True)
class Around:
    """What the checks know besides the files: shown paths, released digests, where else an id may be.

    base  the base branch, "" when there is none to be known
    """

    shown: Callable[[Path], str]
    released: Mapping[str, str]
    elsewhere: Callable[[str], tuple[Place, ...]]
    base: str = ""


def fault_mark(fault: Fault, around: Around) -> Mark:
    """Return the finding of a file that is no revision."""
    return Mark(
        fault.code,
        fault.message,
        file=around.shown(fault.path),
        line=fault.line,
        subject=fault.path.name,
        detail=fault.detail,
        next_step=_NEXT.get(fault.code, ""),
    )


def graph_marks(scanned: Scanned, graph: Graph, around: Around) -> list[Mark]:
    """Return every finding about the graph but the fork, which `forks` explains."""
    marks = [fault_mark(fault, around) for fault in scanned.faults]
    if not scanned.revisions:
        marks.append(Mark("ALEMBIC_EMPTY", "there is no revision to look at", subject="graph"))
    for check in (_parents, _depends, _duplicates, _loops, _cycles, _bases, _merges, _ids, _docstrings):
        marks += check(graph, around)
    marks += _released(graph, around)
    return marks


def _at(node: Revision, code: str, message: str, around: Around, **more: object) -> Mark:
    line = node.down_line if more.pop("down", False) and node.down_line else node.line
    return Mark(code, message, file=around.shown(node.path), line=line, subject=node.id, **more)  # type: ignore[arg-type]


def _parents(graph: Graph, around: Around) -> Iterator[Mark]:
    told = 0
    for node in graph.nodes.values():
        for parent in node.down:
            if parent in graph.nodes:
                continue
            told += 1
            # Looking for one costs processes and a walk over all ids; a missing folder makes thousands.
            detail, step = _explained(parent, graph, around) if told <= _EXPLAINED_MOST else ("", "")
            yield _at(
                node, "ALEMBIC_MISSING_PARENT", f"{node.id} follows {parent}, which is nowhere", around,
                down=True, detail=detail, next_step=step or "see the first of these findings",
            )  # fmt: skip


def _explained(parent: str, graph: Graph, around: Around) -> tuple[str, str]:
    """Return where a missing revision may be, and what to do."""
    near = difflib.get_close_matches(parent, graph.nodes, n=1)
    places = around.elsewhere(parent)
    hints = [f"the nearest id is {near[0]}, in {around.shown(graph.nodes[near[0]].path)}"] if near else []
    if places:
        hints.append(f"it is on branch {', '.join(place.branch for place in places[:3])}")
    detail = "\n".join(hints) or "no id is like it, and no branch has it"
    return detail, _parent_step(parent, near, places)


def _parent_step(parent: str, near: list[str], places: Sequence[Place]) -> str:
    if places and places[0].gone_here:
        return shlex.join(["git", "checkout", places[0].branch, "--", f":/{places[0].path}"])
    if places:
        return shlex.join(["git", "merge", places[0].branch])
    return f'down_revision = "{near[0]}"' if near else f"bring the file of {parent} back"


def _depends(graph: Graph, around: Around) -> Iterator[Mark]:
    told = 0
    for node in graph.nodes.values():
        for name in graph.depends(node):
            if name not in graph.nodes:
                told += 1
                names = [*graph.nodes, *graph.by_label] if told <= _EXPLAINED_MOST else []
                near = difflib.get_close_matches(name, names, n=1)
                yield _at(
                    node, "ALEMBIC_DEPENDS_UNKNOWN", f"{node.id} depends on {name}, which is nowhere", around,
                    detail=f"the nearest is {near[0]}" if near else "", next_step="correct depends_on",
                )  # fmt: skip


def _duplicates(graph: Graph, around: Around) -> Iterator[Mark]:
    for ident, nodes in graph.duplicates.items():
        files = "\n".join(f"{around.shown(node.path)}:{node.line}" for node in nodes)
        yield _at(
            nodes[-1], "ALEMBIC_DUPLICATE_ID", f"{len(nodes)} files have the id {ident}", around,
            detail=files, next_step="give the later one a new id, here and in what follows it",
        )  # fmt: skip


def _loops(graph: Graph, around: Around) -> Iterator[Mark]:
    for node in graph.nodes.values():
        if node.id in (*node.down, *graph.depends(node)):
            yield _at(node, "ALEMBIC_SELF_LOOP", f"{node.id} follows itself", around, down=True)


def _cycles(graph: Graph, around: Around) -> Iterator[Mark]:
    for members in graph.cycles:
        files = "\n".join(f"{around.shown(graph.nodes[one].path)}: {one}" for one in members)
        first = graph.nodes[members[0]]
        yield _at(
            first, "ALEMBIC_CYCLE", f"{len(members)} revisions follow each other in a circle", around,
            down=True, detail=files, next_step="one of these down_revision is wrong",
        )  # fmt: skip


def _bases(graph: Graph, around: Around) -> Iterator[Mark]:
    # A second root with a branch label is meant: Alembic's independent branches.
    unnamed = [ident for ident in graph.bases if not graph.nodes[ident].labels and graph.nodes[ident].whole]
    for ident in unnamed[1:]:
        first = graph.nodes[unnamed[0]]
        yield _at(
            graph.nodes[ident], "ALEMBIC_BASES", f"{ident} follows nothing, as {first.id} does", around,
            down=True, detail=f"the history begins in {around.shown(first.path)}",
            next_step="set its down_revision, or give it a branch label when it is meant",
        )  # fmt: skip


def _merges(graph: Graph, around: Around) -> Iterator[Mark]:
    for node in graph.nodes.values():
        for parent in node.down if len(node.down) > 1 else ():
            others = [other for other in node.down if other != parent]
            above = graph.ancestors(*others)
            # In a circle everything is everything's ancestor: that is a finding of its own.
            if parent in above and node.id not in above and node.id != parent:
                yield _at(
                    node, "ALEMBIC_REDUNDANT_MERGE", f"{node.id} merges {parent} with what already has it",
                    around, down=True, severity=Severity.WARNING,
                    next_step=f"leave {parent} out of down_revision",
                )  # fmt: skip


def _ids(graph: Graph, around: Around) -> Iterator[Mark]:
    idents = sorted(graph.nodes)
    for ident in idents:
        if len(ident) > ID_LENGTH:
            yield _at(
                graph.nodes[ident], "ALEMBIC_ID_LONG", f"the id has {len(ident)} characters", around,
                detail=f"alembic_version holds {ID_LENGTH}", next_step="shorten it",
            )  # fmt: skip
        if _REFUSED.search(ident) or not ident.isprintable():
            yield _at(
                graph.nodes[ident], "ALEMBIC_ID_INVALID", f"the id {ident!r} can't be an id", around,
                detail="Alembic refuses @ - + and :, and neither a lock nor a command line holds spaces",
                next_step="write it of letters, digits and _",
            )  # fmt: skip
    begins: list[str] = []  # in sorted order, an id's beginnings are those before it that are still open
    for ident in idents:
        while begins and not ident.startswith(begins[-1]):
            begins.pop()
        if begins:
            yield _at(
                graph.nodes[ident], "ALEMBIC_ID_PREFIX", f"the id {begins[-1]} begins {ident}", around,
                severity=Severity.WARNING, detail="a shortened id on Alembic's command line means both",
            )  # fmt: skip
        begins.append(ident)


def _docstrings(graph: Graph, around: Around) -> Iterator[Mark]:
    for node in graph.nodes.values():
        if node.revises is not None and set(node.revises) != set(node.down):
            said, is_ = ", ".join(node.revises) or "nothing", ", ".join(node.down) or "nothing"
            yield _at(
                node, "ALEMBIC_DOCSTRING", f"the docstring says it revises {said}, down_revision says {is_}",
                around, down=True, severity=Severity.WARNING, next_step="correct the docstring",
            )  # fmt: skip


def _released(graph: Graph, around: Around) -> Iterator[Mark]:
    for ident, known in sorted(around.released.items()):
        node = graph.nodes.get(ident)
        if node is None:
            yield Mark(
                "ALEMBIC_DELETED", f"the released revision {ident} is in no file", subject=ident,
                next_step="bring the file back from git",
            )  # fmt: skip
        elif digest(bytes_of(node.path)) != known:
            yield _at(
                node, "ALEMBIC_EDITED", f"the released revision {ident} was edited", around,
                detail="databases that have it will never see the change",
                # An edit that is committed is not undone by what HEAD has.
                next_step=f"git checkout {shlex.quote(around.base or 'HEAD')} -- "
                f"{shlex.quote(around.shown(node.path))}, and write a new revision",
            )  # fmt: skip
