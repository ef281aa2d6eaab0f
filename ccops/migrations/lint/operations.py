"""What `upgrade()` of a migration does, step by step, by its syntax tree: nothing of it runs."""

from __future__ import annotations

import ast

from ccops.migrations.lint.action import Action, Does
from ccops.migrations.lint.names import aliases, imported
from ccops.migrations.lint.reader import Reader

_OPS = frozenset({"op", "operations", "alembic.op"})


def operations(source: str | bytes) -> list[Action]:
    """Return what `upgrade()` of a migration does, in order. Raises SyntaxError for what is no Python."""
    tree = ast.parse(source)
    direct, foreign = imported(tree)
    reader = Reader({}, _OPS | aliases(tree), direct, foreign, {})
    reader.body(tree.body, reader.constants)
    # What the module itself calls has no connection: only what `upgrade` does is a step.
    reader.found.clear()
    reader.around.clear()
    if "upgrade" in reader.functions:
        reader.open.append("upgrade")
        reader.body(reader.functions["upgrade"].body, dict(reader.constants))
    else:
        reader.found.append(Action(Does.COMPUTED, line=1, sql="there is no `def upgrade` in this file"))
    return reader.found
