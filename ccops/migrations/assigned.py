"""What a module gives to a name, read from its syntax tree: nothing of it runs.

Only a plain assignment at the top says something. A name that is bound in any other way behind it (under an
`if`, by an import, by unpacking, by `+=`) is computed: whoever reads the plain one alone would be wrong.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

_OWN_SCOPE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def assigned(tree: ast.Module, names: Collection[str]) -> tuple[dict[str, object], dict[str, int], set[str]]:
    """Return the values, lines and computed ones of `names`; a name may stand for an earlier constant."""
    known: dict[str, object] = {}
    lines: dict[str, int] = {}
    computed: set[str] = set()
    for node in tree.body:
        targets, value = _plain(node)
        for target in targets:
            lines[target.id] = node.lineno
            try:
                known[target.id] = _literal(value, known)
                computed.discard(target.id)
            except ValueError:
                known.pop(target.id, None)
                computed.add(target.id)
        for name, line in _bound(node, targets):
            if name in names:
                lines[name] = line
                computed.add(name)
    # A function may change them whenever it is called.
    for inner in ast.walk(tree):
        if isinstance(inner, ast.Global):
            computed |= set(names) & set(inner.names)
    return known, lines, computed


def _plain(node: ast.stmt) -> tuple[list[ast.Name], ast.expr]:
    """Return the names of a plain assignment and their value; no names for any other statement."""
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        targets: list[ast.expr] = [node.target]
        value = node.value
    elif isinstance(node, ast.Assign):
        targets, value = node.targets, node.value
    else:
        return [], ast.Constant(None)
    return [target for target in targets if isinstance(target, ast.Name)], value


def _bound(node: ast.stmt, targets: list[ast.Name]) -> Iterator[tuple[str, int]]:
    """Yield the names that a statement binds besides `targets`, and the line."""
    for inner in _walk(node):
        if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load) and inner not in targets:
            yield inner.id, inner.lineno
        elif isinstance(inner, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name, inner.lineno) for alias in inner.names)
        elif isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield inner.name, inner.lineno


def _walk(root: ast.stmt) -> Iterator[ast.AST]:
    """Yield `root` and what is below it, without the insides of functions and classes."""
    open_: list[ast.AST] = [root]
    while open_:
        node = open_.pop()
        yield node
        if not isinstance(node, _OWN_SCOPE):
            open_ += ast.iter_child_nodes(node)


def _literal(node: ast.expr, known: dict[str, object]) -> object:
    if isinstance(node, ast.Name) and node.id in known:
        return known[node.id]
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return tuple(_literal(item, known) for item in node.elts)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise ValueError from None
