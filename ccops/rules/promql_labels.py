"""Which labels the series of an expression can have."""

from __future__ import annotations

from collections.abc import Callable

from ccops.rules.promql_tree import (
    KEEPS_SERIES,
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Negative,
    Node,
    Number,
    Selector,
    Subquery,
    Text,
)

Labels = frozenset[str] | None  # None: any label is possible
Known = Callable[[Selector], Labels]

_EMPTY: frozenset[str] = frozenset()
_NO_LABELS = frozenset({"vector", "time", "scalar", "pi"})
_OF_DATE = frozenset(
    {"days_in_month", "day_of_month", "day_of_week", "day_of_year", "hour", "minute", "month", "year"}
)
_LESS_LE = frozenset({"histogram_quantile"})


def _nothing_known(_: Selector) -> Labels:
    return None


def labels_of(node: Node, known: Known = _nothing_known) -> Labels:
    """Return the labels that the series of `node` can have at most, without __name__.

    `known` says it for a selector, for example from a catalogue of metrics.
    """
    if isinstance(node, Selector):
        return known(node)
    if isinstance(node, Number | Text):
        return _EMPTY
    if isinstance(node, Subquery | Negative):
        return labels_of(node.inner, known)
    if isinstance(node, Call):
        return _of_call(node, known)
    if isinstance(node, Aggregate):
        return _of_aggregate(node, known)
    return _of_binary(node, known)


def matched(node: Node, labels: tuple[str, ...], known: Known = _nothing_known) -> frozenset[str]:
    """Return those of `labels` that no series of `node` can have."""
    possible = labels_of(node, known)
    return _EMPTY if possible is None else frozenset(labels) - possible


def _of_call(call: Call, known: Known) -> Labels:
    if call.name in _NO_LABELS or (call.name in _OF_DATE and not call.args):
        return _EMPTY
    if call.name in {"absent", "absent_over_time"}:
        return _of_absent(call)
    vector = next((one for one in call.args if not isinstance(one, Number | Text)), None)
    inner = _EMPTY if vector is None else labels_of(vector, known)
    if call.name in _LESS_LE:
        inner = labels_of(call.args[-1], known)
        return None if inner is None else inner - {"le"}
    if call.name in {"label_replace", "label_join"} and isinstance(call.args[1], Text):
        return None if inner is None else inner | {call.args[1].value}
    return inner


def _of_absent(call: Call) -> Labels:
    selector = call.args[0]
    if isinstance(selector, Subquery):
        selector = selector.inner
    if not isinstance(selector, Selector):
        return _EMPTY
    return frozenset(one.label for one in selector.matchers if one.op == "=")


def _of_aggregate(node: Aggregate, known: Known) -> Labels:
    inner = labels_of(node.inner, known)
    if node.op in KEEPS_SERIES:
        return inner
    labels = frozenset(node.labels or ())
    if node.without:
        found = None if inner is None else inner - labels
    else:
        found = labels if inner is None else labels & inner
    if node.op == "count_values" and isinstance(node.param, Text) and found is not None:
        return found | {node.param.value}
    return found


def _of_binary(node: Binary, known: Known) -> Labels:
    left, right = labels_of(node.left, known), labels_of(node.right, known)
    if isinstance(node.right, Number) or _is_scalar(node.right):
        return left
    if isinstance(node.left, Number) or _is_scalar(node.left):
        return right
    if node.op in SET_OPERATORS:
        if node.op != "or":
            return left
        return None if left is None or right is None else left | right
    matching = node.matching
    if matching.many:
        many = left if matching.many == "left" else right
        return None if many is None else many | frozenset(matching.group_labels)
    labels = frozenset(matching.labels or ())
    if matching.labels is not None and matching.on:
        return labels if left is None else labels & left
    return None if left is None else left - labels


def _is_scalar(node: Node) -> bool:
    if isinstance(node, Call):
        return node.name in {"scalar", "time", "pi"}
    if isinstance(node, Binary):
        return _is_scalar(node.left) and _is_scalar(node.right)
    return isinstance(node, Number)
