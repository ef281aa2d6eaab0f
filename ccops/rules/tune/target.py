"""What of a rule can be tuned: its signal, its guards, and the env variable behind its number."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from ccops.rules.flat import FlatRule, flatten
from ccops.rules.promql import Threshold as Comparison
from ccops.rules.promql import parse, selectors, threshold_of
from ccops.rules.promql_tree import Binary, Call, Node, PromqlError, Selector, walk
from ccops.rules.render import render_set
from ccops.rules.thresholds import Resolved
from ccops.rules.tune.model import Condition, Knob

_OPS = frozenset({">", ">=", "<", "<="})
_OF_COUNTERS = frozenset({"rate", "increase", "irate", "resets"})


class NotTunable(ValueError):
    """A rule has no threshold that could be turned; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """One rule that can be tuned: what to ask the server, how to judge it, what to turn.

    `signal` is the bare expression left of the comparison, `masked` the same with the rule's guards;
    `resets` counts resets of the counters below it and is empty when there are none.
    """

    rule: FlatRule
    knob: Knob
    condition: Condition
    signal: str
    masked: str
    resets: str
    range_s: float


def target_of(rule: FlatRule, resolved: Resolved, templates: Path) -> Target:
    """Return how to tune `rule`. Raises NotTunable with the reason."""
    comparison = _comparison(rule)
    variable = _variable(rule, comparison, resolved, templates)
    declared = resolved.thresholds[variable]
    knob = Knob(
        rule=rule.name,
        env=resolved.env,
        var=variable,
        current=resolved.values[variable],
        kind=declared.kind,
        low=declared.min,
        high=declared.max,
        severity=rule.labels.get("severity", "warning"),
        labels={"alertname": rule.name, **rule.labels},
    )
    signal = f"({comparison.signal})"
    return Target(
        rule,
        knob,
        Condition(comparison.op, rule.for_s, rule.keep_firing_for_s),
        signal,
        " ".join((signal, *comparison.guards)),
        _resets(comparison.signal),
        _range(comparison.signal),
    )


def _comparison(rule: FlatRule) -> Comparison:
    if not rule.alerting:
        raise NotTunable("it is a recording rule")
    try:
        expr = parse(rule.expr)
    except PromqlError as error:
        raise NotTunable(f"its expression can't be parsed: {error}") from None
    comparison = threshold_of(expr)
    if comparison is None:
        if isinstance(expr.root, Binary) and expr.root.op == "or":
            raise NotTunable("it fires on one thing or another, so that no single threshold decides")
        raise NotTunable("the right side of its comparison is no number")
    if comparison.op not in _OPS:
        raise NotTunable(f"it compares by {comparison.op}, which has no more and no less")
    return comparison


def _variable(rule: FlatRule, comparison: Comparison, resolved: Resolved, templates: Path) -> str:
    """Return the threshold that the number is: the one whose change alone changes it, to the same number."""
    equal = [name for name, value in resolved.values.items() if float(value) == comparison.value]
    for name in equal:
        probe = _another(resolved, name)
        if probe is None:
            continue
        changed = _find(rule, templates, replace(resolved, values={**resolved.values, name: probe}))
        moved = threshold_of(parse(changed.expr)) if changed is not None else None
        if moved is not None and moved.value == float(probe):
            return name
    if equal or not rule_variables(rule, resolved):
        raise NotTunable("its number is written in the template and comes from no threshold")
    raise NotTunable("its number is computed from a threshold and is not one itself")


def rule_variables(rule: FlatRule, resolved: Resolved) -> tuple[str, ...]:
    """Return the thresholds that thresholds.yml says this rule uses."""
    return tuple(name for name, one in resolved.thresholds.items() if rule.name in one.used_by)


def _another(resolved: Resolved, name: str) -> Decimal | None:
    """Return another value that the threshold may have and that no other threshold has."""
    declared = resolved.thresholds[name]
    taken = set(resolved.values.values())
    for step in range(1, 100):
        for value in (resolved.values[name] + step, resolved.values[name] - step):
            inside = (declared.min is None or value >= declared.min) and (
                declared.max is None or value <= declared.max
            )
            if inside and value not in taken:
                return value
    return None


def _find(rule: FlatRule, templates: Path, resolved: Resolved) -> FlatRule | None:
    rendered = render_set(templates, resolved.env, resolved)
    same = [
        one
        for one in flatten((file.name, file.text) for file in rendered.files if file.name == rule.file)
        if (one.group, one.name, one.labels) == (rule.group, rule.name, rule.labels)
    ]
    return same[0] if len(same) == 1 else None


def _range(signal: str) -> float:
    """Return the longest range that the signal looks back over, in seconds."""
    return max((one.range_s or 0.0 for one in selectors(parse(signal))), default=0.0)


def _resets(signal: str) -> str:
    """Return an expression that has a sample wherever a counter of the signal was reset within its range."""
    found = dict.fromkeys(_counters(parse(signal).root))
    return " or ".join(f"max(resets({_text(one)})) > 0" for one in found)


def _counters(root: Node) -> Iterable[Selector]:
    for one in walk(root):
        if isinstance(one, Call) and one.name in _OF_COUNTERS:
            yield from (arg for arg in one.args if isinstance(arg, Selector) and arg.range_s)


def _text(one: Selector) -> str:
    pairs = [f"{matcher.label}{matcher.op}{_quoted(matcher.value)}" for matcher in one.matchers]
    offset = f" offset {round(one.offset_s)}s" if one.offset_s else ""
    return f"{one.name or ''}{{{','.join(pairs)}}}[{round(one.range_s or 0)}s]{offset}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
