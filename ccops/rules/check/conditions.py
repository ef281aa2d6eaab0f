"""Whether an alert has a condition at all: it fires for every series that its expression returns."""

from __future__ import annotations

from ccops.rules.promql_tree import (
    COMPARISONS,
    Aggregate,
    Binary,
    Call,
    Negative,
    Node,
    Number,
    Selector,
    Subquery,
    Text,
    walk,
)

_PRESENCE = frozenset({"absent", "absent_over_time"})
_UNCONDITIONAL = frozenset({"vector", "scalar", "time", "pi"})
_CLOCK = frozenset({"time", "hour", "minute", "month", "year", "days_in_month"})


def constant(node: Node) -> bool:
    """Return whether `node` asks neither a series nor the clock."""
    return not any(
        isinstance(one, Selector)
        or (isinstance(one, Call) and (one.name in _CLOCK or one.name.startswith("day_of_")))
        for one in walk(node)
    )


def unconditional(node: Node) -> Node | None:
    """Return the part that keeps `node` from ever being empty while its series exist, or None.

    `a > 5 or vector(1)` returns something always: the part is `vector(1)`.
    """
    if isinstance(node, Binary):
        return _of_binary(node)
    if isinstance(node, Call):
        return _of_call(node)
    if isinstance(node, Aggregate | Negative | Subquery):
        return node if unconditional(node.inner) else None
    if isinstance(node, Selector) and node.name in {"ALERTS", "ALERTS_FOR_STATE"}:
        return None  # only there while something is pending or firing
    return node


def _of_binary(node: Binary) -> Node | None:
    if node.op == "or":
        return unconditional(node.left) or unconditional(node.right)
    if node.op == "unless":
        return None
    if node.op in COMPARISONS:
        return node if node.returns_bool else None
    sides = (unconditional(node.left), unconditional(node.right))
    return node if all(sides) else None


def _of_call(node: Call) -> Node | None:
    if node.name in _PRESENCE:
        return None
    if node.name in _UNCONDITIONAL:
        return node
    vectors = [one for one in node.args if not isinstance(one, Number | Text)]
    return node if all(unconditional(one) for one in vectors) else None


def shown(node: Node) -> str:
    """Return a short text of a node for messages."""
    if isinstance(node, Number):
        return f"{node.value:g}"
    if isinstance(node, Text):
        return f'"{node.value:.20}"'
    if isinstance(node, Selector):
        return node.name or "{..}"
    if isinstance(node, Call):
        return f"{node.name}({', '.join(shown(one) for one in node.args)})"
    if isinstance(node, Aggregate):
        return f"{node.op}({shown(node.inner)})"
    if isinstance(node, Binary):
        word = f"{node.op} bool" if node.returns_bool else node.op
        return f"{shown(node.left)} {word} {shown(node.right)}"
    return f"-{shown(node.inner)}" if isinstance(node, Negative) else f"{shown(node.inner)}[..]"
