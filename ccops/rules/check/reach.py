"""Thresholds that can't be reached or can't be left, and ratios that one request can tip over."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from ccops.core.yamltree import Scalar
from ccops.rules.check.bounds import bounds_of, verdict
from ccops.rules.check.conditions import shown
from ccops.rules.check.model import Rule
from ccops.rules.check.recordings import Recordings
from ccops.rules.check.source import Notes
from ccops.rules.promql_tree import COMPARISONS, Aggregate, Binary, Call, Node, Number, Selector, walk

_COUNTS = frozenset({"rate", "irate", "increase", "delta"})
_OPPOSITE = {"<": ">=", "<=": ">"}
_SHARES = frozenset({"ratio", "ratio_rate", "share"})


def judge_reach(rule: Rule, notes: Notes, recordings: Recordings) -> None:
    """Note comparisons that are never true, and those that always are when nothing else must hold."""
    if rule.expr is None or rule.text is None or not rule.alert:
        return
    for branch in _branches(rule.expr.root):
        told = [(_reach(one, recordings), one) for one in branch]
        always = all(reach == "always" for reach, _ in told)
        for reach, one in told:
            if isinstance(one, Binary) and (reach == "never" or always):
                _tell(reach, one, rule, rule.text, notes, recordings)


def _reach(one: Node, recordings: Recordings) -> str:
    if not isinstance(one, Binary) or one.op not in COMPARISONS or one.returns_bool:
        return ""
    limit = bounds_of(one.right, recordings.bounds)
    if limit.low != limit.high or not math.isfinite(limit.low):
        return ""
    return verdict(one.op, bounds_of(one.left, recordings.bounds), limit)


def _tell(reach: str, one: Binary, rule: Rule, text: Scalar, notes: Notes, recordings: Recordings) -> None:
    signal, limit = bounds_of(one.left, recordings.bounds), bounds_of(one.right, recordings.bounds).low
    code = "RULE_NEVER_FIRES" if reach == "never" else "RULE_ALWAYS_FIRES"
    said = f"{shown(one.left)[:80]} {one.op} {limit:g} is {reach} true"
    evidence = f"it lies between {signal.low:g} and {signal.high:g}"
    notes.add(code, said, text, rule=rule.name.text, evidence=evidence, needle=_number(one.right))


def _number(node: Node) -> str:
    return f"{node.value:g}" if isinstance(node, Number) else ""


def _branches(node: Node) -> Iterator[list[Node]]:
    """Yield what must hold together, once for each side of `or` at the top."""
    if isinstance(node, Binary) and node.op == "or":
        yield from _branches(node.left)
        yield from _branches(node.right)
    else:
        yield list(_conjuncts(node))


def _conjuncts(node: Node) -> Iterator[Node]:
    """Yield the conditions that must all hold; what stands below `or` need not."""
    if isinstance(node, Binary) and node.op == "and":
        yield from _conjuncts(node.left)
        yield from _conjuncts(node.right)
    elif isinstance(node, Binary) and node.op == "unless":
        yield from _conjuncts(node.left)
        if isinstance(node.right, Binary) and node.right.op in _OPPOSITE:  # unless x < 5: and x >= 5
            yield replace(node.right, op=_OPPOSITE[node.right.op])
    else:
        yield node


def judge_volume(rule: Rule, notes: Notes, recordings: Recordings) -> None:
    """Note a ratio of counts that is compared without a floor under the number of events it rests on."""
    if rule.expr is None or rule.text is None or not rule.alert:
        return
    for branch in _branches(rule.expr.root):
        ratios = [one for one in branch if isinstance(one, Binary) and _ratio(one.left, recordings)]
        if not ratios or any(_is_floor(one, recordings) for one in branch):
            continue
        said = f"{shown(ratios[0].left)[:80]} is compared, however few events it rests on"
        why = "one failure of one request at night is 100 percent"
        notes.add("RULE_NO_VOLUME_GUARD", said, rule.text, rule=rule.name.text, evidence=why)
        return


def _is_floor(node: Node, recordings: Recordings) -> bool:
    return isinstance(node, Binary) and node.op in {">", ">="} and not _ratio(node.left, recordings)


def _ratio(node: Node, recordings: Recordings) -> bool:
    """Return whether `node` divides counts by counts, itself or in a recording it reads."""
    for one in walk(node):
        if _divides(one):
            return True
        if not isinstance(one, Selector) or not one.name:
            continue
        rules = recordings.matching(one)
        if any(rule.expr is not None and any(map(_divides, walk(rule.expr.root))) for rule in rules):
            return True
        if not rules and _named_share(one.name):
            return True
    return False


def _divides(node: Node) -> bool:
    return isinstance(node, Binary) and node.op == "/" and _counts(node.left) and _counts(node.right)


def _named_share(name: str) -> bool:
    """Return whether the name of a recording says ratio (`slo:sli_error:ratio_rate5m`)."""
    return ":" in name and any(word in name for word in _SHARES)


def _counts(node: Node) -> bool:
    """Return whether `node` counts events of a window: a rate of something, no durations, not filtered."""
    if isinstance(node, Binary) and node.op in COMPARISONS:
        return False  # x / (y > 100): the floor is in the ratio
    found = [one for one in walk(node) if isinstance(one, Call) and one.name in _COUNTS]
    summed = any(isinstance(one, Selector) and one.name and one.name.endswith("_sum") for one in walk(node))
    return bool(found) and not summed


def is_counting(node: Node) -> bool:
    """Return whether `node` only asks how many series there are."""
    return isinstance(node, Aggregate) and node.op in {"count", "group", "count_values"}
