"""What values an expression can reach: a threshold outside of them never fires, or always does."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ccops.rules.promql_tree import (
    Aggregate,
    Binary,
    Call,
    Negative,
    Node,
    Number,
    Selector,
)

_INF = math.inf
_ADDING = frozenset({"sum", "count"})
_CHOOSING = frozenset({"max", "min", "avg", "topk", "bottomk", "quantile"})
_OVER_TIME = frozenset(
    {"max_over_time", "min_over_time", "avg_over_time", "last_over_time", "quantile_over_time"}
)
_GROWTH = frozenset({"rate", "irate", "increase", "resets", "changes", "count_over_time"})
_SAME = frozenset({"sort", "sort_desc", "label_replace", "label_join", "vector", "scalar"})


@dataclass(frozen=True, slots=True)
class Bounds:
    """The lowest and the highest value that is possible, both included."""

    low: float = -_INF
    high: float = _INF


ANY = Bounds()
_POSITIVE = Bounds(0.0)
_SHARE = Bounds(0.0, 1.0)
Known = Callable[[Selector], Bounds | None]  # what a recording can be; None: it is none


def bounds_of(node: Node, known: Known) -> Bounds:
    """Return what `node` can be; wider than the truth where we don't know."""
    if isinstance(node, Number):
        return Bounds(node.value, node.value)
    if isinstance(node, Selector):
        return _of_selector(node, known)
    if isinstance(node, Negative):
        inner = bounds_of(node.inner, known)
        return Bounds(-inner.high, -inner.low)
    if isinstance(node, Call):
        return _of_call(node, known)
    if isinstance(node, Aggregate):
        return _of_aggregate(node, known)
    return _of_binary(node, known) if isinstance(node, Binary) else ANY


def _of_selector(node: Selector, known: Known) -> Bounds:
    name = node.name or ""
    if name == "up":
        return _SHARE
    found = known(node)
    if found is not None:
        return found
    return _POSITIVE if name.endswith(("_total", "_count", "_bucket")) else ANY


def _of_call(node: Call, known: Known) -> Bounds:
    if node.name in _GROWTH:
        return _POSITIVE
    if not node.args:
        return _POSITIVE if node.name == "time" else ANY
    if node.name in {"absent", "absent_over_time"}:
        return Bounds(1.0, 1.0)
    if node.name in _OVER_TIME:
        return bounds_of(node.args[-1], known)
    inner = bounds_of(node.args[0], known)
    if node.name in _SAME:
        return inner
    if node.name in {"clamp_min", "clamp_max"} and isinstance(node.args[1], Number):
        edge = node.args[1].value
        if node.name == "clamp_min":
            return Bounds(max(inner.low, edge), max(inner.high, edge))
        return Bounds(min(inner.low, edge), min(inner.high, edge))
    return _POSITIVE if node.name == "abs" else ANY


def _of_aggregate(node: Aggregate, known: Known) -> Bounds:
    inner = bounds_of(node.inner, known)
    if node.op in _CHOOSING:
        return inner
    if node.op == "sum" and inner.low >= 0:
        return _POSITIVE
    return _POSITIVE if node.op == "count" else ANY


def _of_binary(node: Binary, known: Known) -> Bounds:
    left = bounds_of(node.left, known)
    if node.op in {"and", "unless"}:
        return left
    right = bounds_of(node.right, known)
    if node.op == "or":
        return Bounds(min(left.low, right.low), max(left.high, right.high))
    if node.op == "/":
        return _quotient(node, left, right)
    combine = _ARITHMETIC.get(node.op)
    if combine is not None:
        return combine(left, right)
    return _SHARE if node.returns_bool else left


def _quotient(node: Binary, left: Bounds, right: Bounds) -> Bounds:
    factor, part = _scaled(node.left)
    if factor > 0 and _part_of(part, node.right):
        return Bounds(0.0, factor)
    if isinstance(node.right, Number) and node.right.value > 0:
        return Bounds(left.low / node.right.value, left.high / node.right.value)
    return _POSITIVE if left.low >= 0 and right.low >= 0 else ANY


def _scaled(node: Node) -> tuple[float, Node]:
    """Return `100 * x` as (100, x): it binds tighter than the division behind it."""
    if isinstance(node, Binary) and node.op == "*":
        if isinstance(node.left, Number):
            return node.left.value, node.right
        if isinstance(node.right, Number):
            return node.right.value, node.left
    return 1.0, node


def _part_of(part: Node, whole: Node) -> bool:
    """Return whether `part` counts some of the series that `whole` counts, in the same way."""
    if isinstance(part, Binary) and part.op == "or" and _is_zero(part.right):
        return _part_of(part.left, whole)  # `x or vector(0)`: none counts as zero
    if isinstance(part, Binary) and part.op == "-":
        return _part_of(part.left, whole) and _part_of(part.right, part.left)  # the rest is a part too
    if isinstance(part, Aggregate) and isinstance(whole, Aggregate):
        same = (part.op, part.labels, part.without) == (whole.op, whole.labels, whole.without)
        return same and part.op == "sum" and _part_of(part.inner, whole.inner)
    if isinstance(part, Call) and isinstance(whole, Call):
        same = part.name == whole.name and part.name in _GROWTH and len(part.args) == len(whole.args) == 1
        return same and _part_of(part.args[0], whole.args[0])
    if not isinstance(part, Selector) or not isinstance(whole, Selector):
        return False
    same = (part.range_s, part.offset_s) == (whole.range_s, whole.offset_s)
    narrower = {one for one in whole.matchers if one not in part.matchers}
    named = {one.label for one in part.matchers}
    return same and _same_events(part, whole) and all(one.label in named for one in narrower)


def _same_events(part: Selector, whole: Selector) -> bool:
    """Return whether both count the same events; a bucket of a histogram counts some of its _count."""
    if part.name is None or whole.name is None:
        return False
    bucket = part.name.endswith("_bucket") and any(one.label == "le" for one in part.matchers)
    base = part.name.removesuffix("_bucket") + "_count" if bucket else part.name
    return whole.name in {part.name, base}


def _is_zero(node: Node) -> bool:
    if isinstance(node, Binary) and node.op == "*":
        return _is_zero(node.left) or _is_zero(node.right)  # `0 * x`: zero with the labels of x
    if isinstance(node, Call) and node.name == "vector":
        return _is_zero(node.args[0])
    return isinstance(node, Number) and node.value == 0


def _times(a: float, b: float) -> float:
    return 0.0 if 0.0 in (a, b) else a * b  # an unknown high times zero is zero


def _product(left: Bounds, right: Bounds) -> Bounds:
    corners = [_times(a, b) for a in (left.low, left.high) for b in (right.low, right.high)]
    return Bounds(min(corners), max(corners))


_ARITHMETIC: dict[str, Callable[[Bounds, Bounds], Bounds]] = {
    "+": lambda left, right: Bounds(left.low + right.low, left.high + right.high),
    "-": lambda left, right: Bounds(left.low - right.high, left.high - right.low),
    "*": _product,
}


def verdict(op: str, signal: Bounds, limit: Bounds) -> str:
    """Return never, always, or an empty text for `signal op limit`."""
    if op in {"<", "<="}:
        flipped = {"<": ">", "<=": ">="}[op]
        return verdict(flipped, limit, signal)
    if op == ">":
        never, always = signal.high <= limit.low, signal.low > limit.high
    elif op == ">=":
        never, always = signal.high < limit.low, signal.low >= limit.high
    elif op == "==":
        never, always = signal.high < limit.low or signal.low > limit.high, False
    else:
        return ""
    return "never" if never else "always" if always else ""
