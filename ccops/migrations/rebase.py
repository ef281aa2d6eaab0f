"""Move a branch of migrations onto another head: one line of one file, and its docstring."""

from __future__ import annotations

import re
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ccops.core.atomic import write_whole
from ccops.core.errors import Refused
from ccops.migrations.files import bytes_of
from ccops.migrations.graph import Graph
from ccops.migrations.revision import Revision
from ccops.migrations.scan import read_source

_ASSIGNED = re.compile(rb"""^(down_revision[^=\n]*=[ \t]*)(?:None|'[^'\n]*'|"[^"\n]*")""", re.MULTILINE)
_REVISES = re.compile(rb"^(Revises:[ \t]*)[^\r\n]*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Rebase:
    """A planned edit of one file."""

    path: Path
    before: bytes
    after: bytes


def plan_rebase(graph: Graph, ident: str, onto: str, released: Collection[str] = ()) -> Rebase:
    """Return the edit that makes `ident` follow `onto`. Raises Refused when that is not one safe edit."""
    node, target = graph.nodes.get(ident), graph.nodes.get(onto)
    if node is None or target is None:
        raise _refused(f"there is no revision {onto if node else ident}", "ccops alembic check")
    if ident in released:
        raise _refused(f"{ident} is released: databases have run it where it is", "merge the heads instead")
    if ident in graph.duplicates:
        raise _refused(f"several files have the id {ident}", "ccops alembic check")
    if len(node.down) > 1:
        raise _refused(f"{ident} is a merge of {', '.join(node.down)}", "merge the heads instead")
    if ident in graph.below(onto):
        raise _refused(f"{onto} comes after {ident}: the graph would go round", "name another head")
    before = bytes_of(node.path)
    after, count = _ASSIGNED.subn(lambda found: found[1] + b'"%b"' % onto.encode(), before)
    after = _REVISES.sub(lambda found: found[1] + onto.encode(), after, count=1)
    read = read_source(after, node.path)
    # Read again as Python reads it: "a" "b" is one text, and a line like ours may stand in another.
    if count != 1 or not isinstance(read, Revision) or (read.id, read.down) != (ident, (onto,)):
        raise _refused(f"down_revision of {node.path.name} is not one plain text", f"edit {_place(node)}")
    return Rebase(node.path, before, after)


def apply_rebase(rebase: Rebase) -> None:
    """Write the edit, whole or not at all. Raises Refused when the file changed since it was planned."""
    path = rebase.path.resolve()  # a link stays one
    if bytes_of(path) != rebase.before:
        raise _refused(f"{rebase.path.name} changed meanwhile", "run it again")
    write_whole(path, rebase.after, mode=stat.S_IMODE(path.stat().st_mode))


def _place(node: Revision) -> str:
    return f"{node.path}:{node.down_line or node.line}"


def _refused(why: str, step: str) -> Refused:
    return Refused("ALEMBIC_REBASE", "the migration is not moved", evidence=why, next_step=step)
