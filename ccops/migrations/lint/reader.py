"""Walks a migration statement by statement. Loops over literals are unrolled.

Where ways part, a name keeps what it is on all of them; what may be this or that is computed, and said.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ccops.migrations.lint.action import Action, Does
from ccops.migrations.lint.arguments import given_names
from ccops.migrations.lint.calls import OPERATIONS, chain, given_text, operation
from ccops.migrations.lint.executed import BOUNDS, WRITES, executed
from ccops.migrations.lint.names import (
    CHANGES,
    Batch,
    Bound,
    Ops,
    bind,
    changed,
    met,
    stored,
)
from ccops.migrations.lint.values import UNKNOWN, value
from ccops.migrations.lint.words import shortened

_RUNS = frozenset({"execute", "exec_driver_sql", "scalar", "scalars", "executemany"})
_DROPS = frozenset({"drop", "drop_all"})  # of SQLAlchemy's tables, types and metadata
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DEEPEST, _MOST_TURNS, _MOST_STEPS = 6, 500, 20_000


@dataclass(slots=True)
class Reader:
    """Walks functions of one module. `names` of a function are values that are known.

    direct, foreign  names of single operations; names from modules that are not looked into
    around           by function: the names of the function it stands in
    """

    functions: dict[str, ast.FunctionDef]
    ops: frozenset[str]
    direct: dict[str, str]
    foreign: set[str]
    constants: Bound
    found: list[Action] = field(default_factory=list)
    around: dict[str, Bound] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    autocommit: bool = False
    steps: int = 0

    def body(self, nodes: Sequence[ast.stmt], names: Bound) -> None:
        for node in nodes:
            self.statement(node, names)

    def statement(self, node: ast.stmt, names: Bound) -> None:
        self.steps += 1  # loops in loops, and calls in calls, multiply
        if self.steps >= _MOST_STEPS:
            if self.steps == _MOST_STEPS:
                self.say(node, iter([Action(Does.COMPUTED, sql="more steps than can be followed")]))
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            self.assignment(node, names)
        elif isinstance(node, ast.For):
            self.calls(node.iter, names)
            self.loop(node, names)
        elif isinstance(node, ast.With):
            self.block(node, names)
        elif isinstance(node, ast.If):
            self.calls(node.test, names)
            self.ways([node.body, node.orelse], names)
        elif isinstance(node, ast.While):
            names |= dict.fromkeys(stored(node.body), UNKNOWN)
            self.calls(node.test, names)
            self.ways([node.body, node.orelse], names)
        elif isinstance(node, ast.Match):
            self.calls(node.subject, names)
            self.ways([*(case.body for case in node.cases), []], names)
        elif isinstance(node, ast.FunctionDef):
            self.functions[node.name] = node
            self.around[node.name] = names
        elif isinstance(node, ast.Global):
            self.constants |= dict.fromkeys(node.names, UNKNOWN)
        elif isinstance(node, ast.Try | ast.TryStar):
            self.attempt(node, names)
        else:
            for child in ast.iter_child_nodes(node):
                self.calls(child if isinstance(child, ast.expr) else None, names)

    def assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign, names: Bound) -> None:
        self.calls(node.value, names)
        if isinstance(node, ast.AugAssign):
            whole = ast.BinOp(node.target, node.op, node.value)
            found = value(whole, names) if isinstance(node.target, ast.Name) else UNKNOWN
            changed(node.target, names)
            bind(node.target, found, names)
            return
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            self.forget(target, names)
            bind(target, self.known(node.value, names), names)

    def known(self, node: ast.expr | None, names: Bound) -> object:
        """Return what an expression comes to, `op` itself among that."""
        return Ops() if node is not None and ast.unparse(node) in self.ops else value(node, names)

    def forget(self, part: ast.expr, names: Bound) -> None:
        """Forget what is changed in place by a call or an assignment, here and among the constants."""
        if not isinstance(part, ast.Name):
            name = changed(part, names)
            if name in self.constants:
                self.constants[name] = UNKNOWN

    def ways(self, bodies: Sequence[Sequence[ast.stmt]], names: Bound) -> None:
        """Walk each body by itself; keep what all of them agree about."""
        ends = []
        for nodes in bodies:
            end = dict(names)
            self.body(nodes, end)
            ends.append(end)
        met(names, ends)

    def attempt(self, node: ast.Try | ast.TryStar, names: Bound) -> None:
        before = dict(names)
        self.body(node.body, names)
        broken = dict(names)
        met(broken, [before, dict(names)])
        self.body(node.orelse, names)
        ends = [dict(names)]
        for handler in node.handlers:
            end = dict(broken)
            self.body(handler.body, end)
            ends.append(end)
        met(names, ends)
        self.body(node.finalbody, names)

    def loop(self, node: ast.For, names: Bound) -> None:
        items = value(node.iter, names)
        if not isinstance(items, tuple):
            names |= dict.fromkeys(stored(node.body), UNKNOWN)
            bind(node.target, UNKNOWN, names)
            self.ways([node.body, []], names)
            items = ()
        for item in items[:_MOST_TURNS]:
            bind(node.target, item, names)
            self.body(node.body, names)
        if len(items) > _MOST_TURNS:
            self.hidden(node.iter)
        self.body(node.orelse, names)

    def block(self, node: ast.With, names: Bound) -> None:
        before = self.autocommit
        for item in node.items:
            call, bound = item.context_expr, item.optional_vars
            named = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
            word = call.func.attr if isinstance(call, ast.Call) and named else ""  # type: ignore[attr-defined]
            found: object = UNKNOWN
            if word == "autocommit_block":
                self.autocommit = True
            elif word == "batch_alter_table" and isinstance(call, ast.Call):
                found = Batch(given_text(call, names, 0, "table_name"))
            else:
                self.calls(call, names)
            if bound is not None:
                bind(bound, found, names)
        self.body(node.body, names)
        self.autocommit = before

    def calls(self, node: ast.expr | None, names: Bound) -> None:
        """Judge every call in an expression; the outermost of a chain knows most."""
        if node is None or (isinstance(node, ast.Call) and self.call(node, names)):
            return
        if isinstance(node, ast.NamedExpr):
            self.calls(node.value, names)
            bind(node.target, self.known(node.value, names), names)
            return
        if isinstance(node, _COMPREHENSIONS):
            names = dict(names)
            for one in node.generators:
                self.calls(one.iter, names)
                bind(one.target, UNKNOWN, names)
                for test in one.ifs:
                    self.calls(test, names)
        elif isinstance(node, ast.Lambda):
            names = names | dict.fromkeys(given_names(node.args), UNKNOWN)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.calls(child, names)
            elif isinstance(child, ast.keyword):
                self.calls(child.value, names)

    def call(self, node: ast.Call, names: Bound) -> bool:
        """Judge one call; return whether its parts need no look of their own."""
        if isinstance(node.func, ast.Name) and node.func.id in self.direct:
            self.say(node, operation(self.direct[node.func.id], node, names, ""))
            return True
        if isinstance(node.func, ast.Name):
            return self.helper(node, node.func.id, names)
        if not isinstance(node.func, ast.Attribute):
            self.hidden(node)
            return False
        return self.method(node, node.func.attr, node.func.value, names)

    def method(self, node: ast.Call, word: str, owner: ast.expr, names: Bound) -> bool:
        found = self.known(owner, names)
        if isinstance(found, Batch):
            self.say(node, operation(word, node, names, found.table))
            return True
        if isinstance(found, Ops) and word != "execute":
            self.say(node, operation(word, node, names, ""))
            return word in OPERATIONS
        if word in _RUNS and (node.args or node.keywords):
            self.say(node, executed(node, names))
            return True
        words = set(chain(node))
        if word in WRITES and "query" in words and not words & BOUNDS:
            self.say(node, iter([Action(Does.WRITE_ALL, sql=shortened(ast.unparse(node)))]))
        dropped = word in _DROPS and (node.args or node.keywords)
        if dropped or self.foreign & {ast.unparse(owner).partition(".")[0]}:
            self.hidden(node)
        elif word in CHANGES:
            self.forget(node.func, names)
        return False

    def hidden(self, node: ast.expr) -> None:
        """Say that something runs which stands in another file, or is chosen while it runs."""
        self.say(node, iter([Action(Does.COMPUTED, sql=shortened(ast.unparse(node)))]))

    def say(self, node: ast.AST, actions: Iterator[Action]) -> None:
        line = getattr(node, "lineno", 0)
        self.found += [one.at(one.line or line, autocommit=self.autocommit) for one in actions]

    def helper(self, node: ast.Call, name: str, names: Bound) -> bool:
        made = self.functions.get(name)
        deep = len(self.open) >= _DEEPEST
        # A variable that is called may be an operation; what calls itself does again what it did.
        if (made is None and (name in self.foreign or name in names)) or (deep and name not in self.open):
            self.hidden(node)
        if made is None or deep:
            return False
        given = given_names(made.args, node, lambda one: self.known(one, names), self.constants)
        inner = {**self.around.get(name, self.constants), **given}
        self.open.append(name)
        self.body(made.body, inner)
        self.open.pop()
        for part in (*node.args, *(one.value for one in node.keywords)):
            was = names.get(part.id) if isinstance(part, ast.Name) else None
            if isinstance(was, tuple | dict) and not any(was == now for now in map(inner.get, given)):
                changed(part, names)
        return False
