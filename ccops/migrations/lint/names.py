"""What names of a migration stand for, as far as that can be known: bound, changed, and where ways meet."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ccops.migrations.lint.values import UNKNOWN

Bound = dict[str, object]
# Methods that change a list or a dictionary in place.
CHANGES = frozenset(
    {
        "append", "extend", "insert", "update", "add", "setdefault", "pop", "popitem", "remove", "discard",
        "clear", "sort", "reverse", "appendleft",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Batch:
    """What `with op.batch_alter_table("users") as batch` binds."""

    table: str


@dataclass(frozen=True, slots=True)
class Ops:
    """What `o = op` binds."""


def bind(target: ast.expr, found: object, names: Bound) -> None:
    """Give `found` to a target of an assignment; what it changes in place is not known any more."""
    if isinstance(target, ast.Name):
        names[target.id] = found
    elif isinstance(target, ast.Starred):
        bind(target.value, UNKNOWN, names)
    elif isinstance(target, ast.Tuple | ast.List):
        fits = isinstance(found, tuple) and len(found) == len(target.elts)
        starred = any(isinstance(one, ast.Starred) for one in target.elts)
        items = found if fits and not starred and isinstance(found, tuple) else (UNKNOWN,) * len(target.elts)
        for one, item in zip(target.elts, items, strict=True):
            bind(one, item, names)
    else:
        changed(target, names)


def changed(node: ast.expr, names: Bound) -> str:
    """Forget the list or dictionary that `node` is a part of, by every name it may have; return its name."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    was = names.get(node.id) if isinstance(node, ast.Name) else None
    if not isinstance(node, ast.Name) or not isinstance(was, tuple | dict):
        return ""
    for name, found in list(names.items()):
        if isinstance(found, tuple | dict) and found == was:
            names[name] = UNKNOWN
    return node.id


def met(names: Bound, ends: Sequence[Bound]) -> None:
    """Leave in `names` what is the same at every end of several ways."""
    every = {name for end in ends for name in end}
    first = ends[0]
    for name in every:
        same = all(name in end and end[name] == first.get(name, UNKNOWN) for end in ends)
        names[name] = first[name] if same else UNKNOWN


def stored(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the names that some statement among `nodes`, or below them, assigns."""
    return {
        one.id
        for node in nodes
        for one in ast.walk(node)
        if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)
    }


def aliases(tree: ast.Module) -> set[str]:
    """Return the names by which the module imports `op`."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "alembic"
        for alias in node.names
        if alias.name == "op"
    }


def imported(tree: ast.Module) -> tuple[dict[str, str], set[str]]:
    """Return names of single operations, and names that may do anything to the database.

    Those are of modules that are not looked into, and of classes.
    """
    direct: dict[str, str] = {}
    foreign: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            foreign.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            known = {alias.asname or alias.name: alias.name for alias in node.names}
            if node.module == "alembic.op":
                direct |= known
            elif node.level or not _familiar(node.module or ""):
                foreign |= set(known)
        elif isinstance(node, ast.Import):
            names = {(alias.asname or alias.name).partition(".")[0]: alias.name for alias in node.names}
            foreign |= {name for name, module in names.items() if not _familiar(module)}
    return direct, foreign


def _familiar(module: str) -> bool:
    top = module.partition(".")[0]
    return top in {"alembic", "sqlalchemy"} or top in sys.stdlib_module_names
