"""PromQL: parse it, and say what an expression reads, returns and compares.

The grammar is that of the library promql_parser (Prometheus 2.45), which gives no positions, judges neither
function availability nor overflow, and ends the process on deep nesting; the last is guarded here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from types import ModuleType
from typing import TYPE_CHECKING

from ccops.rules.promql_labels import labels_of
from ccops.rules.promql_tree import (
    COMPARISONS,
    Aggregate,
    Binary,
    Call,
    Matcher,
    Negative,
    Node,
    Number,
    PromqlError,
    Selector,
    Subquery,
    Text,
    convert,
    walk,
)

if TYPE_CHECKING:
    import promql_parser as library

__all__ = [
    "Expr",
    "Matcher",
    "PromqlError",
    "Selector",
    "Threshold",
    "functions",
    "output_labels",
    "parse",
    "pretty",
    "result_type",
    "selectors",
    "threshold_of",
]

MAX_LENGTH = 16_384
_SAFE_LENGTH = 1000  # shorter than this nothing can nest deep enough to hurt the library
_MAX_SIGNS = 600
_SIGNS = re.compile(r"[-+*/%^(\[{=<>!]|\b(?:and|or|unless|atan2)\b", re.IGNORECASE)
_SCALARS = frozenset({"scalar", "time", "pi"})


@dataclass(frozen=True, slots=True)
class Expr:
    """A parsed expression: its text as it was written, and its tree."""

    text: str
    root: Node


@dataclass(frozen=True, slots=True)
class Threshold:
    """`signal op value`, at the top of the first operand of `and`.

    `guards` are the texts of the other operands of `and`, each with its operator (`and on () x > 5`).
    """

    signal: str
    op: str
    value: float
    guards: tuple[str, ...] = ()

    @property
    def fires_above(self) -> bool:
        """Return whether larger signals fire."""
        return self.op in {">", ">="}


@lru_cache(maxsize=4096)
def parse(text: str) -> Expr:
    """Parse PromQL. Raises PromqlError."""
    return Expr(text, convert(_raw(text)))


def selectors(expr: Expr) -> tuple[Selector, ...]:
    """Return every selector from left to right. A name given as `{__name__="x"}` counts as a name."""
    return tuple(one for one in walk(expr.root) if isinstance(one, Selector))


def functions(expr: Expr) -> tuple[str, ...]:
    """Return the functions and aggregations it calls, each once, in order of appearance."""
    names = (
        one.name if isinstance(one, Call) else one.op
        for one in walk(expr.root)
        if isinstance(one, Call | Aggregate)
    )
    return tuple(dict.fromkeys(names))


def result_type(expr: Expr) -> str:
    """Return scalar, string, vector or matrix. A rule may only be a scalar or a vector."""
    return type_of(expr.root)


def type_of(node: Node) -> str:
    """Return the type of one node of a tree."""
    if isinstance(node, Text):
        return "string"
    if isinstance(node, Number):
        return "scalar"
    if isinstance(node, Subquery):
        return "matrix"
    if isinstance(node, Selector):
        return "vector" if node.range_s is None else "matrix"
    if isinstance(node, Call):
        return "scalar" if node.name in _SCALARS else "vector"
    if isinstance(node, Binary):
        return "scalar" if type_of(node.left) == type_of(node.right) == "scalar" else "vector"
    return type_of(node.inner) if isinstance(node, Negative) else "vector"


def pretty(expr: Expr) -> str:
    """Return the expression in one canonical form: two texts that differ only in layout become equal."""
    return _raw(expr.text).prettify()


def output_labels(expr: Expr) -> frozenset[str] | None:
    """Return the labels that its series can have at most (without __name__); None when any is possible."""
    return labels_of(expr.root)


def threshold_of(expr: Expr) -> Threshold | None:
    """Return the threshold of an alert: a number right of the comparison at the top of the first `and`.

    None when there is none, when it is on the left, or when the comparison returns 0 and 1 (`> bool`).
    """
    node, raw = expr.root, _bare(_raw(expr.text))
    guards: list[str] = []
    while isinstance(node, Binary) and node.op in {"and", "unless"}:
        guards.append(_guard(raw))
        node, raw = node.left, _bare(raw.lhs)  # type: ignore[attr-defined]
    if not isinstance(node, Binary) or node.op not in COMPARISONS or node.returns_bool:
        return None
    if not isinstance(node.right, Number) or isinstance(node.left, Number):
        return None
    signal = _bare(raw.lhs).prettify()  # type: ignore[attr-defined]
    return Threshold(signal, node.op, node.right.value, tuple(reversed(guards)))


def _guard(raw: library.Expr) -> str:
    op, modifier = raw.op, raw.modifier  # type: ignore[attr-defined]
    matching = modifier.matching if modifier is not None else None
    words = [str(op), str(matching).strip() if matching is not None else "", raw.rhs.prettify()]  # type: ignore[attr-defined]
    return " ".join(word for word in words if word)


def _bare(raw: library.Expr) -> library.Expr:
    while type(raw).__name__ == "ParenExpr":
        raw = raw.expr  # type: ignore[attr-defined]
    return raw


def _raw(text: str) -> library.Expr:
    if len(text) > _SAFE_LENGTH and (len(text) > MAX_LENGTH or len(_SIGNS.findall(text)) > _MAX_SIGNS):
        raise PromqlError(f"longer than {MAX_LENGTH} characters or more than {_MAX_SIGNS} operators")
    try:
        raw: library.Expr = _library().parse(text)
    except (ValueError, TypeError) as error:
        raise PromqlError(" ".join(str(error).split())) from None
    return raw


@cache
def _library() -> ModuleType:
    """Return the library, taught what only Prometheus 2 has; what a target has is judged later."""
    import promql_parser as library

    kind = library.ValueType
    library.register_extra_functions(
        [library.Function("holt_winters", [kind.Matrix, kind.Scalar, kind.Scalar], kind.Vector)]
    )
    return library
