"""Move a branch of migrations onto another head: one line of one file, and its docstring."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ccops.core.errors import Refused
from ccops.migrations.graph import Graph
from ccops.migrations.revision import Revision

_ASSIGNED = re.compile(rb"""^(down_revision[^=\n]*=[ \t]*)(?:None|'[^'\n]*'|"[^"\n]*")""", re.MULTILINE)
_REVISES = re.compile(rb"^(Revises:[ \t]*)[^\r\n]*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Rebase:
    """A planned edit of one file."""

    path: Path
    before: bytes
    after: bytes


def plan_rebase(graph: Graph, ident: str, onto: str) -> Rebase:
    """Return the edit that makes `ident` follow `onto`. Raises Refused when that is not one safe edit."""
    node, target = graph.nodes.get(ident), graph.nodes.get(onto)
    if node is None or target is None:
        raise _refused(f"there is no revision {onto if node else ident}", "ccops alembic check")
    if len(node.down) > 1:
        raise _refused(f"{ident} is a merge of {', '.join(node.down)}", "merge the heads instead")
    if ident in graph.ancestors(onto):
        raise _refused(f"{onto} comes after {ident}: the graph would go round", "name another head")
    before = node.path.read_bytes()
    after, count = _ASSIGNED.subn(rb'\g<1>"' + onto.encode() + rb'"', before)
    if count != 1:
        raise _refused(f"down_revision of {node.path.name} is not one plain text", f"edit {_place(node)}")
    return Rebase(node.path, before, _REVISES.sub(rb"\g<1>" + onto.encode(), after, count=1))


def apply_rebase(rebase: Rebase) -> None:
    """Write the edit. Raises Refused when the file changed since it was planned."""
    if rebase.path.read_bytes() != rebase.before:
        raise _refused(f"{rebase.path.name} changed meanwhile", "run it again")
    rebase.path.write_bytes(rebase.after)


def _place(node: Revision) -> str:
    return f"{node.path}:{node.down_line or node.line}"


def _refused(why: str, step: str) -> Refused:
    return Refused("ALEMBIC_REBASE", "the migration is not moved", evidence=why, next_step=step)
