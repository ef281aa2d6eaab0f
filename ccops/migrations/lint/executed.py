"""What SQL does that a call runs, written as a text or put together by SQLAlchemy."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from ccops.migrations.lint.action import UNKNOWN as HOLE
from ccops.migrations.lint.action import Action, Does
from ccops.migrations.lint.calls import chain
from ccops.migrations.lint.names import Bound
from ccops.migrations.lint.statements import actions_of
from ccops.migrations.lint.values import value
from ccops.migrations.lint.words import shortened

WRITES = frozenset({"update", "delete"})
BOUNDS = frozenset({"where", "filter", "filter_by"})
_HARMLESS = frozenset({"insert", "select", "bulk_insert"})


def executed(node: ast.Call, names: Bound) -> Iterator[Action]:
    """Yield what the SQL does that a call runs; SQL that is put together is computed."""
    first = node.args[0] if node.args else node.keywords[0].value
    text = value(first, names)
    if isinstance(text, str):
        if text.strip(f" {HOLE}\n;"):
            yield from _sql(text, first)
            return
    elif isinstance(first, ast.Call):
        words = set(chain(first))
        if words & WRITES and not words & BOUNDS:
            yield Action(Does.WRITE_ALL, sql=shortened(ast.unparse(first)))
        if words & (WRITES | _HARMLESS):
            return
    yield Action(Does.COMPUTED, sql=shortened(ast.unparse(first)))


def _sql(text: str, node: ast.expr) -> Iterator[Action]:
    # Only a literal of several lines has its statements on lines of their own.
    literal = node.args[0] if isinstance(node, ast.Call) and node.args else node
    own = isinstance(literal, ast.Constant) and literal.end_lineno != literal.lineno
    whole = own and isinstance(literal, ast.Constant) and "\n" in str(literal.value)
    for line, one in actions_of(text):
        yield replace(one, line=literal.lineno + line) if whole else one
