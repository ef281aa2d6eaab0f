"""What a Python file of a service declares and reads, by its syntax tree: nothing is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ccops.contract.lint_rules import Shim

_METHODS = ("get", "post", "put", "patch", "delete", "options", "head", "trace", "websocket")
_ROUTERS = ("APIRouter", "FastAPI", "Router", "Starlette")
_READERS = ("environ", "environb", "getenv", "getenvb")


@dataclass(frozen=True, slots=True)
class Spot:
    """A line of a file and what is the matter there."""

    line: int
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Route:
    """A route as declared: its method, the router's name in the file, and its path without prefixes."""

    method: str
    router: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Included:
    """`parent.include_router(child, prefix=...)`. `child` is "name" or "module.name"."""

    parent: str
    child: str
    prefix: str
    line: int


@dataclass(frozen=True, slots=True)
class Declared:
    """The routers of a file (name -> prefix and line), its routes in order, and who includes whom.

    `imported` maps a name to the "module.name" it came from, the module by its last word.
    """

    routers: dict[str, tuple[str, int]]
    routes: tuple[Route, ...]
    included: tuple[Included, ...]
    imported: dict[str, str]


def declared(tree: ast.Module) -> Declared:
    """Return what `tree` declares. Paths that are no literals are left out: they can't be judged here."""
    routers: dict[str, tuple[str, int]] = {}
    routes: list[Route] = []
    included: list[Included] = []
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            routers |= dict(_router(node))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                routes += _route(decorator)
        elif isinstance(node, ast.Call):
            included += _included(node)
            routes += _added(node)
        elif isinstance(node, ast.ImportFrom) and node.module:
            stem = node.module.rpartition(".")[2]
            imported |= {alias.asname or alias.name: f"{stem}.{alias.name}" for alias in node.names}
    in_order = tuple(sorted(routes, key=lambda one: one.line))
    return Declared(routers, in_order, tuple(included), imported)


def settings_read(tree: ast.Module) -> Iterator[Spot]:
    """Yield every place where the process environment is read."""
    modules = {"os"}
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname for alias in node.names if alias.name == "os" and alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module == "os" and not node.level:
            for alias in node.names:
                if alias.name in _READERS:
                    names.add(alias.asname or alias.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in _READERS and _name(node.value) in modules:
            yield Spot(node.lineno, node.col_offset + 1, f"os.{node.attr}")
        elif isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load):
            yield Spot(node.lineno, node.col_offset + 1, node.id)


def shim_imports(tree: ast.Module, shims: tuple[Shim, ...]) -> Iterator[tuple[Spot, Shim]]:
    """Yield every import of a module that is kept for old imports only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for shim in shims:
            if shim.module in imported:
                yield Spot(node.lineno, node.col_offset + 1, shim.module), shim


def _router(node: ast.Assign | ast.AnnAssign) -> Iterator[tuple[str, tuple[str, int]]]:
    value = node.value
    if not isinstance(value, ast.Call) or _name(value.func).rpartition(".")[2] not in _ROUTERS:
        return
    prefix = _keyword(value, "prefix")
    if prefix is None:
        return
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Name):
            yield target.id, (prefix, node.lineno)


def _route(decorator: ast.expr) -> Iterator[Route]:
    if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
        return
    router, verb = _name(decorator.func.value), decorator.func.attr
    path = _literal(decorator.args[0]) if decorator.args else _keyword(decorator, "path", missing="")
    if not router or path is None or not (path.startswith("/") or path == ""):
        return
    if verb in _METHODS:
        yield Route(verb.upper(), router, path, decorator.lineno)
    elif verb in ("api_route", "route"):
        for method in _words(decorator, "methods") or ["GET"]:
            yield Route(method.upper(), router, path, decorator.lineno)


def _added(node: ast.Call) -> Iterator[Route]:
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in ("add_api_route", "add_route"):
        return
    path = _literal(node.args[0]) if node.args else None
    if path is not None:
        for method in _words(node, "methods") or ["GET"]:
            yield Route(method.upper(), _name(node.func.value), path, node.lineno)


def _included(node: ast.Call) -> Iterator[Included]:
    if isinstance(node.func, ast.Attribute) and node.func.attr == "include_router" and node.args:
        child, prefix = _name(node.args[0]), _keyword(node, "prefix")
        if child and prefix is not None:
            yield Included(_name(node.func.value), child, prefix, node.lineno)


def _keyword(node: ast.Call, name: str, missing: str = "") -> str | None:
    """Return the literal text of a keyword, `missing` when it is not given, None when it is no literal."""
    for keyword in node.keywords:
        if keyword.arg == name:
            return _literal(keyword.value)
    return missing


def _words(node: ast.Call, name: str) -> list[str]:
    for keyword in node.keywords:
        if keyword.arg == name and isinstance(keyword.value, ast.List | ast.Tuple | ast.Set):
            return [text for item in keyword.value.elts if (text := _literal(item)) is not None]
    return []


def _literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _name(node: ast.expr) -> str:
    """Return a dotted name, or "" for anything else; a loop, since generated code can be very long."""
    words: list[str] = []
    while isinstance(node, ast.Attribute):
        words.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(words)]) if isinstance(node, ast.Name) else ""
