"""What `upgrade()` of a migration does, step by step: by its syntax tree, loops over literals unrolled."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ccops.migrations.lint.action import UNKNOWN as HOLE
from ccops.migrations.lint.action import Action, Does
from ccops.migrations.lint.calls import OPERATIONS, chain, given_text, operation
from ccops.migrations.lint.statements import actions_of
from ccops.migrations.lint.values import UNKNOWN, value
from ccops.migrations.lint.words import shortened

_RUNS = frozenset({"execute", "exec_driver_sql", "scalar", "scalars"})
_OPS = frozenset({"op", "operations", "alembic.op"})
_WRITES = frozenset({"update", "delete"})
_BOUNDS = frozenset({"where", "filter", "filter_by"})
_HARMLESS = frozenset({"insert", "select", "bulk_insert"})
_DEEPEST, _MOST_TURNS = 6, 500


@dataclass(frozen=True, slots=True)
class _Batch:
    """What `with op.batch_alter_table("users") as batch` binds."""

    table: str


@dataclass(slots=True)
class _Reader:
    """Walks functions of one module. `names` of a function are values that are known."""

    functions: dict[str, ast.FunctionDef]
    ops: frozenset[str]
    direct: Mapping[str, str]  # names that stand for an operation itself
    foreign: frozenset[str]  # names from modules that are not looked into
    constants: Mapping[str, object]
    found: list[Action] = field(default_factory=list)
    depth: int = 0
    autocommit: bool = False

    def body(self, nodes: Sequence[ast.stmt], names: dict[str, object]) -> None:
        for node in nodes:
            self.statement(node, names)

    def statement(self, node: ast.stmt, names: dict[str, object]) -> None:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            self.calls(node.value, names)
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                _bind(target, value(node.value, names), names)
        elif isinstance(node, ast.For):
            self.calls(node.iter, names)
            self.loop(node, names)
        elif isinstance(node, ast.With):
            self.block(node, names)
        elif isinstance(node, ast.If | ast.While):
            self.calls(node.test, names)
            self.body(node.body, names)
            self.body(node.orelse, names)
        elif isinstance(node, ast.Match):
            self.calls(node.subject, names)
            for case in node.cases:
                self.body(case.body, names)
        elif isinstance(node, ast.FunctionDef):
            self.functions[node.name] = node
        elif isinstance(node, ast.Try):
            for part in (node.body, *(one.body for one in node.handlers), node.orelse, node.finalbody):
                self.body(part, names)
        elif isinstance(node, ast.Expr | ast.Return):
            self.calls(node.value, names)

    def loop(self, node: ast.For, names: dict[str, object]) -> None:
        items = value(node.iter, names)
        for item in items[:_MOST_TURNS] if isinstance(items, tuple) else (UNKNOWN,):
            _bind(node.target, item, names)
            self.body(node.body, names)
        self.body(node.orelse, names)

    def block(self, node: ast.With, names: dict[str, object]) -> None:
        before = self.autocommit
        for item in node.items:
            call = item.context_expr
            word = (
                call.func.attr if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else ""
            )
            if word == "autocommit_block":
                self.autocommit = True
            elif (
                word == "batch_alter_table" and isinstance(call, ast.Call) and item.optional_vars is not None
            ):
                _bind(item.optional_vars, _Batch(given_text(call, names, 0, "table_name")), names)
            else:
                self.calls(call, names)
        self.body(node.body, names)
        self.autocommit = before

    def calls(self, node: ast.expr | None, names: dict[str, object]) -> None:
        """Judge every call in an expression; the outermost of a chain knows most."""
        if node is None:
            return
        if isinstance(node, ast.Call) and self.call(node, names):
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.calls(child, names)
            elif isinstance(child, ast.keyword):
                self.calls(child.value, names)

    def call(self, node: ast.Call, names: dict[str, object]) -> bool:
        """Judge one call; return whether its parts need no look of their own."""
        if isinstance(node.func, ast.Name) and node.func.id in self.direct:
            self.say(node, operation(self.direct[node.func.id], node, names, ""))
            return True
        if isinstance(node.func, ast.Name):
            return self.helper(node, node.func.id, names)
        if not isinstance(node.func, ast.Attribute):
            self.hidden(node)
            return False
        word, owner = node.func.attr, node.func.value
        batch = value(owner, names)
        if isinstance(batch, _Batch):
            self.say(node, operation(word, node, names, batch.table))
            return True
        if ast.unparse(owner) in self.ops and word != "execute":
            self.say(node, operation(word, node, names, ""))
            return word in OPERATIONS
        if word in _RUNS and (node.args or node.keywords):
            self.say(node, self.executed(node, names))
            return True
        if self.foreign & {ast.unparse(owner).partition(".")[0]}:
            self.hidden(node)
        return False

    def hidden(self, node: ast.Call) -> None:
        """Say that something runs which stands in another file, or is chosen while it runs."""
        self.say(node, iter([Action(Does.COMPUTED, sql=shortened(ast.unparse(node)))]))

    def say(self, node: ast.AST, actions: Iterator[Action]) -> None:
        line = getattr(node, "lineno", 0)
        self.found += [one.at(one.line or line, autocommit=self.autocommit) for one in actions]

    def helper(self, node: ast.Call, name: str, names: dict[str, object]) -> bool:
        made = self.functions.get(name)
        if made is None and name in self.foreign:
            self.hidden(node)
        if made is None or self.depth >= _DEEPEST:
            return False
        inner = dict(self.constants)
        arguments = made.args.args
        defaults = zip(arguments[::-1], made.args.defaults[::-1], strict=False)
        inner |= {one.arg: UNKNOWN for one in (*arguments, *made.args.kwonlyargs)}
        inner |= {one.arg: value(default, self.constants) for one, default in defaults}
        given = zip(arguments, node.args, strict=False)
        inner |= {one.arg: value(item, names) for one, item in given}
        inner |= {item.arg: value(item.value, names) for item in node.keywords if item.arg}
        self.depth += 1
        self.body(made.body, inner)
        self.depth -= 1
        return False

    def executed(self, node: ast.Call, names: dict[str, object]) -> Iterator[Action]:
        first = node.args[0] if node.args else node.keywords[0].value
        text = value(first, names)
        if isinstance(text, str):
            if text.strip(f" {HOLE}\n;"):
                yield from _sql(text, first)
                return
        elif isinstance(first, ast.Call):
            words = set(chain(first))
            if words & _WRITES and not words & _BOUNDS:
                yield Action(Does.WRITE_ALL, sql=shortened(ast.unparse(first)))
            if words & (_WRITES | _HARMLESS):
                return
        yield Action(Does.COMPUTED, sql=shortened(ast.unparse(first)))


def operations(source: str) -> list[Action]:
    """Return what `upgrade()` of a migration does, in order. Raises SyntaxError for what is no Python."""
    tree = ast.parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    constants: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                _bind(target, value(node.value, constants), constants)
    direct, foreign = _imported(tree)
    reader = _Reader(functions, _OPS | _aliases(tree), direct, foreign, constants)
    if "upgrade" in functions:
        reader.body(functions["upgrade"].body, dict(constants))
    else:
        reader.found.append(Action(Does.COMPUTED, line=1, sql="there is no `def upgrade` in this file"))
    return reader.found


def _aliases(tree: ast.Module) -> set[str]:
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "alembic"
        for alias in node.names
        if alias.name == "op"
    }


def _imported(tree: ast.Module) -> tuple[dict[str, str], frozenset[str]]:
    """Return names of single operations, and names of modules that may do anything to the database."""
    direct: dict[str, str] = {}
    foreign: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            known = {alias.asname or alias.name: alias.name for alias in node.names}
            if node.module == "alembic.op":
                direct |= known
            elif node.level or not _familiar(node.module or ""):
                foreign |= set(known)
        elif isinstance(node, ast.Import):
            names = {(alias.asname or alias.name).partition(".")[0]: alias.name for alias in node.names}
            foreign |= {name for name, module in names.items() if not _familiar(module)}
    return direct, frozenset(foreign)


def _familiar(module: str) -> bool:
    top = module.partition(".")[0]
    return top in {"alembic", "sqlalchemy"} or top in sys.stdlib_module_names


def _bind(target: ast.expr, found: object, names: dict[str, object]) -> None:
    if isinstance(target, ast.Name):
        names[target.id] = found
    elif isinstance(target, ast.Tuple | ast.List):
        fits = isinstance(found, tuple) and len(found) == len(target.elts)
        items = found if fits and isinstance(found, tuple) else (UNKNOWN,) * len(target.elts)
        for one, item in zip(target.elts, items, strict=True):
            _bind(one, item, names)


def _sql(text: str, node: ast.expr) -> Iterator[Action]:
    # Only a literal of several lines has its statements on lines of their own.
    literal = node.args[0] if isinstance(node, ast.Call) and node.args else node
    own = isinstance(literal, ast.Constant) and literal.end_lineno != literal.lineno
    whole = own and isinstance(literal, ast.Constant) and "\n" in str(literal.value)
    for line, one in actions_of(text):
        yield replace(one, line=literal.lineno + line) if whole else one
