"""PromQL as a small tree of our own: the library's nodes copy their whole subtree on each look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import promql_parser as library

MAX_DEPTH = 150

_MATCH_OPS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
SET_OPERATORS = frozenset({"and", "or", "unless"})
KEEPS_SERIES = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})  # aggregations that only choose


class PromqlError(ValueError):
    """A text is no PromQL, or nests deeper than anybody writes (the library would end the process)."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number literal; signs are folded in."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal."""

    value: str


@dataclass(frozen=True, slots=True)
class Matcher:
    """One `label op "value"`; `op` is one of = != =~ !~."""

    label: str
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """Series by name and matchers. `range_s` is None for an instant vector, else its window in seconds."""

    name: str | None
    matchers: tuple[Matcher, ...]
    range_s: float | None = None
    offset_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Subquery:
    """`inner[range:step]`; `step_s` is None for the server's default."""

    inner: Node
    range_s: float
    step_s: float | None


@dataclass(frozen=True, slots=True)
class Call:
    """A function call."""

    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`op by|without (labels) (param, inner)`; `labels` is None when neither was written."""

    op: str
    inner: Node
    param: Node | None
    labels: tuple[str, ...] | None
    without: bool


@dataclass(frozen=True, slots=True)
class Matching:
    """How two vectors find each other. `labels` is None when neither `on` nor `ignoring` was written."""

    labels: tuple[str, ...] | None = None
    on: bool = False
    many: str = ""  # "left" or "right": the side that group_left or group_right lets be many
    group_labels: tuple[str, ...] = ()
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Binary:
    """`left op right`; `returns_bool` for `> bool`."""

    op: str
    left: Node
    right: Node
    matching: Matching
    returns_bool: bool


@dataclass(frozen=True, slots=True)
class Negative:
    """`-inner` of something that is no number."""

    inner: Node


Node = Number | Text | Selector | Subquery | Call | Aggregate | Binary | Negative

_NO_MATCHING = Matching()


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below `node`, parameters first."""
    if isinstance(node, Binary):
        return node.left, node.right
    if isinstance(node, Call):
        return node.args
    if isinstance(node, Aggregate):
        return (node.inner,) if node.param is None else (node.param, node.inner)
    if isinstance(node, Subquery | Negative):
        return (node.inner,)
    return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield `node` and everything below it, parents first, left to right."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(reversed(children(one)))


def convert(raw: library.Expr, depth: int = 0) -> Node:
    """Return the library's tree as ours; parentheses vanish. Raises PromqlError when it nests too deep."""
    if depth > MAX_DEPTH:
        raise PromqlError(f"nested deeper than {MAX_DEPTH} levels")
    kind = type(raw).__name__
    maker = _MAKERS.get(kind)
    if maker is None:
        raise PromqlError(f"an expression of an unknown kind: {kind}")
    return maker(raw, depth + 1)


def _selector(raw: library.Expr, depth: int) -> Node:
    raw = cast("library.VectorSelector", raw)
    return _vector(raw, None)


def _matrix(raw: library.Expr, depth: int) -> Node:
    raw = cast("library.MatrixSelector", raw)
    return _vector(raw.vector_selector, raw.range.total_seconds())


def _vector(raw: library.VectorSelector, range_s: float | None) -> Selector:
    found = raw.matchers
    if found.or_matchers:
        raise PromqlError("`or` between matchers is not PromQL")
    matchers = tuple(Matcher(one.name, _MATCH_OPS[str(one.op)], one.value) for one in found.matchers)
    name = raw.name
    if name is None:
        name = next((one.value for one in matchers if one.label == "__name__" and one.op == "="), None)
        if name is not None:
            matchers = tuple(one for one in matchers if (one.label, one.op) != ("__name__", "="))
    offset = raw.offset
    return Selector(name, matchers, range_s, offset.total_seconds() if offset else 0.0)


def _subquery(raw: library.Expr, depth: int) -> Node:
    raw = cast("library.SubqueryExpr", raw)
    window, step = raw.range, raw.step
    return Subquery(
        convert(raw.expr, depth),
        window.total_seconds() if window else 0.0,
        step.total_seconds() if step else None,
    )


def _call(raw: library.Expr, depth: int) -> Node:
    raw = cast("library.Call", raw)
    return Call(raw.func.name, tuple(convert(one, depth) for one in raw.args))


def _aggregate(raw: library.Expr, depth: int) -> Node:
    raw = cast("library.AggregateExpr", raw)
    param, modifier = raw.param, raw.modifier
    return Aggregate(
        str(raw.op),
        convert(raw.expr, depth),
        None if param is None else convert(param, depth),
        tuple(modifier.labels) if modifier else None,
        modifier is not None and str(modifier.type).endswith("Without"),
    )


def _binary(raw: library.Expr, depth: int) -> Node:
    raw = cast("library.BinaryExpr", raw)
    modifier = raw.modifier
    matching, returns_bool = _NO_MATCHING, False
    if modifier is not None:
        returns_bool, label, fill = modifier.return_bool, modifier.matching, modifier.fill_values
        card = str(modifier.card)
        matching = Matching(
            tuple(label.labels) if label else None,
            label is not None and str(label.type).endswith("Include"),
            {"ManyToOne": "left", "OneToMany": "right"}.get(card.rpartition(".")[2], ""),
            tuple(modifier.group_labels or ()),
            fill.lhs is not None or fill.rhs is not None,
        )
    return Binary(str(raw.op), convert(raw.lhs, depth), convert(raw.rhs, depth), matching, returns_bool)


def _unary(raw: library.Expr, depth: int) -> Node:
    inner = convert(cast("library.UnaryExpr", raw).expr, depth)
    return Number(-inner.value) if isinstance(inner, Number) else Negative(inner)


def _number(raw: library.Expr, depth: int) -> Node:
    return Number(cast("library.NumberLiteral", raw).val)


def _text(raw: library.Expr, depth: int) -> Node:
    return Text(cast("library.StringLiteral", raw).val)


def _inside(raw: library.Expr, depth: int) -> Node:
    return convert(cast("library.ParenExpr", raw).expr, depth)


_MAKERS: Mapping[str, Callable[[library.Expr, int], Node]] = {
    "NumberLiteral": _number,
    "StringLiteral": _text,
    "ParenExpr": _inside,
    "VectorSelector": _selector,
    "MatrixSelector": _matrix,
    "SubqueryExpr": _subquery,
    "Call": _call,
    "AggregateExpr": _aggregate,
    "BinaryExpr": _binary,
    "UnaryExpr": _unary,
}
