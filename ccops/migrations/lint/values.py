"""What expressions of a migration come to, as far as that can be known without running it.

Anything else is UNKNOWN; within a text it becomes `?`, which is no name and matches none.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from string import Formatter

from ccops.migrations.lint.action import UNKNOWN as HOLE

Names = Mapping[str, object]
_SAME = frozenset({"f", "text", "dedent", "strip", "str", "lstrip", "rstrip", "cleandoc", "literal_column"})
_MOST = 500
_LARGEST = 2**20


class Unknown:
    """Stands for a value that can't be known."""


UNKNOWN = Unknown()


def value(node: ast.expr | None, names: Names) -> object:
    """Return what `node` comes to: texts, numbers, tuples, dictionaries, or UNKNOWN.

    What grows without end (`s += s` in a loop) is not known either: it would fill the memory.
    """
    found = _value(node, names)
    return UNKNOWN if isinstance(found, str | tuple | dict) and len(found) > _LARGEST else found


def _value(node: ast.expr | None, names: Names) -> object:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return names.get(node.id, UNKNOWN)
    if isinstance(node, ast.NamedExpr):
        return value(node.value, names)
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return _items(node.elts, names)
    if isinstance(node, ast.Dict):
        return _dictionary(node, names)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, (_part(part, names) for part in node.values)))
    if isinstance(node, ast.BinOp):
        return _joined(node, names)
    if isinstance(node, ast.Subscript):
        return _picked(value(node.value, names), value(node.slice, names))
    return _called(node, names) if isinstance(node, ast.Call) else UNKNOWN


def _items(nodes: list[ast.expr], names: Names) -> object:
    found: list[object] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            more = value(node.value, names)
            if not isinstance(more, tuple):
                return UNKNOWN
            found += more
        else:
            found.append(value(node, names))
    return tuple(found)


def _dictionary(node: ast.Dict, names: Names) -> object:
    found: dict[object, object] = {}
    for key, item in zip(node.keys, node.values, strict=True):
        known = value(key, names)
        if isinstance(known, str | int):
            found[known] = value(item, names)
        elif key is None and isinstance(more := value(item, names), dict):
            found |= more
        else:
            return UNKNOWN
    return found


def _part(node: ast.expr, names: Names) -> object:
    return value(node.value if isinstance(node, ast.FormattedValue) else node, names)


def _text(found: object) -> str:
    return str(found) if isinstance(found, str | int | float) else HOLE


def _joined(node: ast.BinOp, names: Names) -> object:
    left, right = value(node.left, names), value(node.right, names)
    if isinstance(node.op, ast.Mod) and isinstance(left, str):
        return left.replace("%s", HOLE).replace("%d", HOLE)
    if isinstance(node.op, ast.BitOr) and isinstance(left, dict) and isinstance(right, dict):
        return left | right
    if not isinstance(node.op, ast.Add):
        return UNKNOWN
    if isinstance(left, tuple) and isinstance(right, tuple):
        return left + right
    return _text(left) + _text(right) if isinstance(left, str) or isinstance(right, str) else UNKNOWN


def _picked(whole: object, key: object) -> object:
    if isinstance(whole, dict) and isinstance(key, str | int):
        return whole.get(key, UNKNOWN)
    if isinstance(whole, tuple) and isinstance(key, int) and -len(whole) <= key < len(whole):
        return whole[key]
    return UNKNOWN


def _called(node: ast.Call, names: Names) -> object:
    word = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    owner = value(node.func.value, names) if isinstance(node.func, ast.Attribute) else UNKNOWN
    given = [value(one, names) for one in node.args]
    if isinstance(owner, dict) and not given:
        views = {"values": tuple(owner.values()), "keys": tuple(owner), "items": tuple(owner.items())}
        return views.get(word, UNKNOWN)
    if isinstance(owner, str):
        if word == "replace" and len(given) == 2 and all(isinstance(one, str) for one in given):
            return owner.replace(str(given[0]), str(given[1]))
        if word == "join" and given and isinstance(given[0], tuple):
            return owner.join(map(_text, given[0]))
        if word == "format":
            return _formatted(owner)
        return owner if word in _SAME else UNKNOWN
    if word in _SAME and given:
        return given[0] if isinstance(given[0], str) else UNKNOWN
    if word in {"list", "tuple", "sorted", "reversed", "set"} and given and isinstance(given[0], tuple):
        return given[0][:_MOST]
    return UNKNOWN


def _formatted(text: str) -> object:
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        return UNKNOWN
    return "".join(literal + ("" if hole is None else HOLE) for literal, hole, _, _ in parts)
