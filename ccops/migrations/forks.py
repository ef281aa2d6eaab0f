"""Several heads, explained: where they part, who added what, which tables meet, and the one safe way out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ccops.core.reports.marks import Mark
from ccops.migrations.checks import Around
from ccops.migrations.files import bytes_of
from ccops.migrations.graph import Graph
from ccops.migrations.history import Added
from ccops.migrations.revision import Revision
from ccops.migrations.tables import tables_of


@dataclass(frozen=True, slots=True)
class Side:
    """One head and what only it has, oldest first. `fixed`: why it may not be re-parented; "" if it may."""

    head: str
    chain: tuple[Revision, ...]
    tables: frozenset[str]
    fixed: str = ""


@dataclass(frozen=True, slots=True)
class Fork:
    """All heads of a graph and the revision they part after; "" when they share none."""

    ancestor: str
    sides: tuple[Side, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What decides between merge and rebase. An empty `base` with `base_known` False: nobody could look.

    applied  revisions that some database has run
    base     revisions that the base branch holds
    released revisions that released.lock holds
    """

    applied: frozenset[str] = frozenset()
    base: frozenset[str] = frozenset()
    base_known: bool = False
    released: frozenset[str] = frozenset()


def fork_of(graph: Graph, known: Known) -> Fork | None:
    """Return the fork of `graph`; None when fewer than two heads are sure to be heads."""
    heads = graph.sure_heads
    if len(heads) < 2:
        return None
    sides = []
    for head in heads:
        others = [other for other in heads if other != head]
        chain = tuple(graph.chain(head, others))
        tables = frozenset().union(*(tables_of(bytes_of(node.path)) for node in chain))
        fixed = _fixed(chain, known) or _needed(graph, chain, others)
        sides.append(Side(head, chain, tables, fixed))
    return Fork(graph.common_ancestor(heads), tuple(sides))


def _fixed(chain: Sequence[Revision], known: Known) -> str:
    idents = {node.id for node in chain}
    if idents & known.applied:
        return "a database has run it"
    if idents & known.released:
        return "it is released"
    if idents & known.base:
        return "it is on the base branch"
    return "" if known.base_known else "nobody knows whether it was released"


def _needed(graph: Graph, chain: Sequence[Revision], others: Sequence[str]) -> str:
    """Say whether another side depends on this one: moved behind it, the graph would go round."""
    return "the other side depends on it" if graph.below(*others) & {node.id for node in chain} else ""


def remedy(fork: Fork, config: Path) -> str:
    """Return the exact command or edit: re-parent what nobody has run yet, merge everything else."""
    free = [side for side in fork.sides if not side.fixed]
    fixed = [side for side in fork.sides if side.fixed]
    if len(fork.sides) == 2 and len(free) >= 1 and fork.ancestor:
        moved = free[-1]
        onto = next(side for side in fork.sides if side is not moved)
        # Its first own revision is moved; a merge among its own cannot be cut in two.
        if len(moved.chain[0].down) == 1 and (fixed or len(free) == 2):
            call = shlex.join(["ccops", "alembic", "rebase", moved.chain[0].id, "--onto", onto.head])
            return f"{call} --config {shlex.quote(str(config))} --apply"
    heads = " ".join(shlex.quote(side.head) for side in fork.sides)
    words = " and ".join(side.head for side in fork.sides)
    return f"alembic -c {shlex.quote(str(config))} merge -m {shlex.quote(f'merge {words}')} {heads}"


def fork_mark(fork: Fork, around: Around, added: Mapping[Path, Added], config: Path, why_no_git: str) -> Mark:
    """Return the finding: both sides in full, whether their tables meet, and the remedy."""
    names = ", ".join(side.head for side in fork.sides)
    lines = [f"they part after {fork.ancestor}" if fork.ancestor else "they have no revision in common"]
    for side in fork.sides:
        tables = ", ".join(sorted(side.tables)) or "no table"
        lines.append(f"{side.head}  touches {tables}" + (f"  ({side.fixed})" if side.fixed else ""))
        for node in side.chain:
            who = f"  {added[node.path]}" if node.path in added else ""
            lines.append(f"  {node.id}  {around.shown(node.path)}:{node.line}{who}")
    meet = sorted(_meeting(fork))
    lines.append(
        f"both touch {', '.join(meet)}: read them together" if meet else "no table is touched by both"
    )
    if why_no_git:
        lines.append(f"authors and dates are not known: {why_no_git}")
    last = fork.sides[-1].chain[-1]
    return Mark(
        "ALEMBIC_HEADS",
        f"{len(fork.sides)} heads: {names}",
        file=around.shown(last.path),
        line=last.line,
        subject="heads",
        detail="\n".join(lines),
        next_step=remedy(fork, config),
    )


def _meeting(fork: Fork) -> set[str]:
    found: set[str] = set()
    for number, side in enumerate(fork.sides):
        for other in fork.sides[number + 1 :]:
            found |= side.tables & other.tables
    return found
