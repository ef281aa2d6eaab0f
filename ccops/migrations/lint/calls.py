"""What the calls of Alembic's operations do."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ccops.migrations.lint.action import UNKNOWN as HOLE
from ccops.migrations.lint.action import Action, Does
from ccops.migrations.lint.values import UNKNOWN, value
from ccops.migrations.lint.words import shortened

_HARMLESS = frozenset(
    {
        "get_bind", "get_context", "f", "bulk_insert", "inline_literal", "batch_alter_table",
        "create_table_comment", "drop_table_comment",
    }
)  # fmt: skip


def chain(node: ast.expr) -> Iterator[str]:
    """Yield the names of a chain of calls, the last first: `users.update().where(..)`."""
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Attribute):
            yield node.attr
            node = node.value
        else:
            if isinstance(node.func, ast.Name):
                yield node.func.id
            node = node.func


def _argument(call: ast.Call, at: int, keyword: str) -> ast.expr | None:
    if 0 <= at < len(call.args):
        return call.args[at]
    return next((one.value for one in call.keywords if one.arg == keyword), None)


def given_text(call: ast.Call, names: Mapping[str, object], at: int, keyword: str) -> str:
    """Return a text argument, "?" when it is not known. `at` below 0: by its keyword only."""
    found = value(_argument(call, at, keyword), names)
    return found if isinstance(found, str) and found else HOLE


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of an operation. `table` is that of a batch; without one the table is the first argument."""

    node: ast.Call
    names: Mapping[str, object]
    table: str

    def text(self, at: int, keyword: str) -> str:
        """Return argument `at` as it is counted with a table in front."""
        return given_text(self.node, self.names, at - bool(self.table), keyword)

    def expr(self, at: int, keyword: str) -> ast.expr | None:
        return _argument(self.node, at - bool(self.table), keyword)

    def owner(self, at: int, keyword: str) -> str:
        """Return the table, with the schema that is named beside it."""
        name = self.table or given_text(self.node, self.names, at, keyword)
        schema = given_text(self.node, self.names, -1, "schema")
        return name if schema in {HOLE, "public"} or name == HOLE else f"{schema}.{name}"

    def flag(self, keyword: str) -> object:
        return value(_argument(self.node, -1, keyword), self.names)


def operation(word: str, node: ast.Call, names: Mapping[str, object], table: str) -> Iterator[Action]:
    """Yield what `op.word(...)` does; `table` is that of a batch, "" outside of one."""
    judge = OPERATIONS.get(word)
    if judge is not None:
        yield from judge(_Call(node, names, table))
    # A plug-in's operation, invoke, run_async; and what `**options` hold nobody knows.
    if (judge is None and word not in _HARMLESS) or any(one.arg is None for one in node.keywords):
        yield Action(Does.COMPUTED, sql=shortened(ast.unparse(node)))


def _create_table(call: _Call) -> Iterator[Action]:
    sure = _argument(call.node, -1, "if_not_exists") is None
    yield Action(Does.CREATE_TABLE if sure else Does.ENSURE_TABLE, call.owner(0, "table_name"))


def _drop_table(call: _Call) -> Iterator[Action]:
    yield Action(Does.DROP_TABLE, call.owner(0, "table_name"))


def _drop_column(call: _Call) -> Iterator[Action]:
    yield Action(Does.DROP_COLUMN, call.owner(0, "table_name"), call.text(1, "column_name"))


def _rename_table(call: _Call) -> Iterator[Action]:
    yield Action(Does.RENAME, call.owner(0, "old_table_name"))


def _alter_column(call: _Call) -> Iterator[Action]:
    table, column = call.owner(0, "table_name"), call.text(1, "column_name")
    if _argument(call.node, -1, "new_column_name") is not None:
        yield Action(Does.RENAME, table, column)
    new = _argument(call.node, -1, "type_")
    if new is not None and not _wider(_argument(call.node, -1, "existing_type"), new):
        yield Action(Does.RETYPE, table, column)
    if call.flag("nullable") is False:
        yield Action(Does.NOT_NULL, table, column)
    yield Action(Does.LOCK, table)


def _wider(old: ast.expr | None, new: ast.expr) -> bool:
    """Return whether every value stays as it is, without a rewrite: a longer varchar, or text."""
    before, after = _length(old), _length(new)
    return before is not None and after is not None and before <= after


def _length(node: ast.expr | None) -> float | None:
    call = node if isinstance(node, ast.Call) else None
    func = call.func if call else node
    word = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    if word.upper() in {"TEXT", "UNICODETEXT"}:
        return float("inf")
    if word.upper() not in {"STRING", "VARCHAR", "UNICODE"}:
        return None
    size = value(_argument(call, 0, "length"), {}) if call else None
    return (
        float(size)
        if isinstance(size, int)
        else None
        if size is UNKNOWN and call and call.args
        else float("inf")
    )


def _add_column(call: _Call) -> Iterator[Action]:
    table, column = call.owner(0, "table_name"), call.expr(1, "column")
    if not isinstance(column, ast.Call):
        yield Action(Does.LOCK, table)
        return
    given = {one.arg: one.value for one in column.keywords}
    computed = any(
        isinstance(one, ast.Call) and set(chain(one)) & {"Identity", "Computed"} for one in column.args
    )
    filled = "server_default" in given or computed
    required = value(given.get("nullable"), call.names) is False and not filled
    name = given_text(column, call.names, 0, "name")
    yield Action(Does.ADD_REQUIRED if required else Does.ADD_COLUMN, table, name)


def _index(at: int) -> Callable[[_Call], Iterator[Action]]:
    def judge(call: _Call) -> Iterator[Action]:
        table = call.table or given_text(call.node, call.names, at, "table_name")
        concurrent = call.flag("postgresql_concurrently") is True
        dropped = call.node.func.attr == "drop_index" if isinstance(call.node.func, ast.Attribute) else False
        weak = Does.LOCK if dropped else Does.TOUCH
        yield Action(Does.CONCURRENT if concurrent else weak, table)
        if concurrent and not dropped and call.flag("if_not_exists") is True:
            yield Action(Does.SKIPS_INVALID, table)

    return judge


def _constraint(does: Does) -> Callable[[_Call], Iterator[Action]]:
    def judge(call: _Call) -> Iterator[Action]:
        keyword = "source_table" if does is Does.TOUCH else "table_name"
        yield Action(does, call.table or given_text(call.node, call.names, 1, keyword))

    return judge


OPERATIONS: Mapping[str, Callable[[_Call], Iterator[Action]]] = {
    "create_table": _create_table, "drop_table": _drop_table, "drop_column": _drop_column,
    "rename_table": _rename_table, "alter_column": _alter_column, "add_column": _add_column,
    "create_index": _index(1), "drop_index": _index(1), "drop_constraint": _constraint(Does.LOCK),
    "create_check_constraint": _constraint(Does.LOCK), "create_unique_constraint": _constraint(Does.LOCK),
    "create_primary_key": _constraint(Does.LOCK), "create_exclude_constraint": _constraint(Does.LOCK),
    "create_foreign_key": _constraint(Does.TOUCH),
}  # fmt: skip
