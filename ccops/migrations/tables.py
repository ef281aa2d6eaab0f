"""Which tables a migration touches, read from its syntax tree: for telling whether two branches meet."""

from __future__ import annotations

import ast
import re

# op.METHOD(first argument is the table)
_FIRST = frozenset(
    [
        "create_table",
        "drop_table",
        "add_column",
        "drop_column",
        "alter_column",
        "batch_alter_table",
        "bulk_insert",
        "create_table_comment",
        "drop_table_comment",
        "rename_table",
    ]
)
# op.METHOD(name of the object, table)
_SECOND = frozenset(
    [
        "create_index",
        "drop_index",
        "create_unique_constraint",
        "create_check_constraint",
        "create_foreign_key",
        "create_primary_key",
        "drop_constraint",
        "create_exclude_constraint",
    ]
)
_NAME = r'((?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))?)'
_SQL = re.compile(
    rf"\b(?:CREATE\s+TABLE(?:\s+IF\s+NOT\s+EXISTS)?|ALTER\s+TABLE(?:\s+IF\s+EXISTS)?(?:\s+ONLY)?"
    rf"|DROP\s+TABLE(?:\s+IF\s+EXISTS)?|TRUNCATE(?:\s+TABLE)?|INSERT\s+INTO|DELETE\s+FROM"
    rf"|UPDATE(?:\s+ONLY)?|(?:CREATE|DROP)\s+(?:TRIGGER|POLICY)\s+\S+[^;]*?\sON|INDEX[^;]*?\sON(?:\s+ONLY)?)\s+{_NAME}",
    re.IGNORECASE,
)
_WORDS = frozenset({"set", "of", "only", "on", "if"})


def tables_of(source: bytes) -> frozenset[str]:
    """Return the tables that `upgrade` of a migration names; unreadable source names none."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    bodies = [
        node for node in tree.body if not (isinstance(node, ast.FunctionDef) and node.name == "downgrade")
    ]
    found: set[str] = set()
    for body in bodies:
        for node in ast.walk(body):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                found |= _of_call(node, node.func.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                found |= _of_sql(node.value)
    return frozenset(found)


def _of_call(call: ast.Call, method: str) -> set[str]:
    place = 0 if method in _FIRST else 1 if method in _SECOND else None
    if place is None:
        return set()
    named = next((word.value for word in call.keywords if word.arg == "table_name"), None)
    node = named or (call.args[place] if len(call.args) > place else None)
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def _of_sql(text: str) -> set[str]:
    names = (match[1].replace('"', "").rpartition(".")[2] for match in _SQL.finditer(text))
    return {name for name in names if name.lower() not in _WORDS}
