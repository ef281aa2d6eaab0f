"""Is a destructive revision the last step of a plan? Its expand step is named, before it, and released."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from ccops.core.reports.marks import Mark
from ccops.migrations.files import bytes_of
from ccops.migrations.graph import Graph
from ccops.migrations.lint.action import UNKNOWN, Action, Does
from ccops.migrations.lint.rules import PLANNED, Found
from ccops.migrations.revision import Revision

_NAMED = re.compile(r"^\s*#\s*ccops:\s*contract-of=(\S+)\s*$")
_MADE = frozenset({Does.CREATE_TABLE, Does.ENSURE_TABLE})
_COLUMNS = frozenset({Does.ADD_COLUMN, Does.ADD_REQUIRED})
# SET NOT NULL is prepared by a check that was validated, or by a new column.
_CHECKS = _COLUMNS | {Does.LOCK}


@dataclass(frozen=True, slots=True)
class Named:
    """A `contract-of` comment and its line."""

    revision: str
    line: int


@dataclass(frozen=True, slots=True)
class Ground:
    """What a plan is checked against. `actions_of` reads a revision's file."""

    graph: Graph
    released: Collection[str]
    actions_of: Callable[[Revision], Sequence[Action]]


def read_named(lines: Sequence[str]) -> list[Named]:
    """Return the `contract-of` comments of a file."""
    fits = ((number, _NAMED.match(line)) for number, line in enumerate(lines, 1))
    return [Named(fit[1], number) for number, fit in fits if fit]


def planned(
    node: Revision, found: Sequence[Found], named: Sequence[Named], ground: Ground, file: str
) -> Iterator[Mark]:
    """Yield the marks of `found`, accepted where a sound plan covers them, and what is wrong with plans."""
    good: list[Named] = []
    for one in named:
        why = _wrong(node, one, ground)
        if why:
            yield _broken(node, one, why, file)
        else:
            good.append(one)
    for each in found:
        mark = each.mark
        if mark.code not in PLANNED or not good:
            yield mark
            continue
        fits = next((one for one in good if _prepares(ground, one, each.action, node)), None)
        if fits is not None:
            yield replace(mark, accepted=f"the contract step of {fits.revision}, which is released")
        else:
            names, table = ", ".join(one.revision for one in good), each.action.table
            yield replace(mark, detail=f"contract-of={names} prepares nothing for {table}\n{mark.detail}")


def _wrong(node: Revision, one: Named, ground: Ground) -> str:
    if one.revision not in ground.graph.nodes:
        return "no file has that revision"
    if one.revision == node.id or one.revision not in ground.graph.ancestors(node.id):
        return "it does not come before this one"
    if one.revision not in ground.released:
        return "it is not released yet: both would run in one deployment"
    return ""


def _prepares(ground: Ground, one: Named, contract: Action, node: Revision) -> bool:
    """Return whether the expand step made a new place beside what the contract step takes away.

    A revision that made the table itself is not it, or the first migration would be everybody's plan; nor is
    one that made some table, as long as no SQL from there to here moves the old one's rows to it.
    """
    actions = ground.actions_of(ground.graph.nodes[one.revision])
    made = {step.table for step in actions if step.does in _MADE}
    if contract.table in made:
        return False
    wanted = _CHECKS if contract.does is Does.NOT_NULL else _COLUMNS
    if any(step.does in wanted and step.table in {contract.table, UNKNOWN} for step in actions):
        return True
    if not made and not any(step.does is Does.CREATE_OBJECT for step in actions):
        return False
    graph = ground.graph
    way = graph.ancestors(node.id) - graph.ancestors(*graph.nodes[one.revision].down) - {node.id}
    return contract.does is Does.DROP_OBJECT or any(
        _speaks_of(contract.table, bytes_of(graph.nodes[ident].path)) for ident in way
    )


def _speaks_of(table: str, source: bytes) -> bool:
    """Return whether SQL in `source` names `table`; a docstring is none."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    name = re.compile(rf"(?<!\w){re.escape(table.rpartition('.')[2])}(?!\w)")
    texts = (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
    )
    return any(" " in text.strip() and name.search(text) for text in texts)


def _broken(node: Revision, one: Named, why: str, file: str) -> Mark:
    return Mark(
        "ALEMBIC_CONTRACT_OF", f"{node.id}: contract-of={one.revision} is no expand step: {why}",
        file=file, line=one.line, subject=node.id,
        next_step="name the revision that added the new place, once it is released",
    )  # fmt: skip
