"""What the parameters of a function of the same file stand for in one call of it."""

from __future__ import annotations

import ast
from collections.abc import Callable

from ccops.migrations.lint.names import Bound
from ccops.migrations.lint.values import UNKNOWN, value

Known = Callable[[ast.expr], object]


def given_names(
    takes: ast.arguments,
    call: ast.Call | None = None,
    known: Known = lambda _: UNKNOWN,
    constants: Bound | None = None,
) -> Bound:
    """Return the value of each parameter: as given, its default, or UNKNOWN.

    With `*values` or `**values` in the call nobody knows which parameter gets what.
    """
    plain = [*takes.posonlyargs, *takes.args]
    extra = [one for one in (takes.vararg, takes.kwarg) if one is not None]
    found: Bound = {one.arg: UNKNOWN for one in (*plain, *takes.kwonlyargs, *extra)}
    if call is None or _spread(call):
        return found
    defaults = list(zip(plain[::-1], takes.defaults[::-1], strict=False))
    defaults += [
        (one, default)
        for one, default in zip(takes.kwonlyargs, takes.kw_defaults, strict=True)
        if default is not None
    ]
    found |= {one.arg: value(default, constants or {}) for one, default in defaults}
    found |= {one.arg: known(item) for one, item in zip(plain, call.args, strict=False)}
    found |= {item.arg: known(item.value) for item in call.keywords if item.arg in found}
    if takes.vararg is not None:
        found[takes.vararg.arg] = tuple(map(known, call.args[len(plain) :]))
    return found


def _spread(call: ast.Call) -> bool:
    starred = any(isinstance(one, ast.Starred) for one in call.args)
    return starred or any(one.arg is None for one in call.keywords)
