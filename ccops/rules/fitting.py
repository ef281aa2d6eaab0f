"""What an expression asks of a metric that it has not: labels, their values, functions of another type.

Rules and dashboards are both held against it; each says it in its own findings.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ccops.rules.catalogue import Metric
from ccops.rules.promql_tree import Aggregate, Matcher
from ccops.rules.re2 import matches

FOR_COUNTERS = frozenset({"rate", "irate", "increase", "resets"})
FOR_GAUGES = frozenset({"delta", "idelta", "deriv", "predict_linear", "holt_winters"})
_NAMES_SHOWN = 8
_EXCLUDING = frozenset({"!=", "!~"})


@dataclass(frozen=True, slots=True)
class Misfit:
    """A matcher that names what a metric has not: a label (`value` false), or a value of one."""

    said: str
    has: str
    value: bool


def misfit(metric: Metric, matcher: Matcher) -> Misfit | None:
    """Return what is wrong with a matcher; of one that excludes, that it leaves nothing out."""
    label = matcher.label
    if label == "__name__":
        return None
    if label not in metric.labels:
        known = f"it has {', '.join(sorted(metric.labels))}"
        return None if metric.open else Misfit(f"{metric.name} has no label {label}", known, value=False)
    values = metric.labels[label]
    if values is None or not matcher.value or _possible(matcher.op, matcher.value, values):
        return None
    shown = ", ".join(sorted(values)[:_NAMES_SHOWN])
    more = " .." if len(values) > _NAMES_SHOWN else ""
    said = f"{metric.name} never has {label}{matcher.op}{matcher.value!r}"
    if matcher.op in _EXCLUDING:
        said = f"{label}{matcher.op}{matcher.value!r} leaves nothing out: {metric.name} never has it"
    return Misfit(said, f"it has {shown}{more}", value=True)


def unknown_labels(node: Aggregate, have: frozenset[str] | None) -> tuple[str, ...]:
    """Return the labels that an aggregation names and no series below it has (`have` None: any)."""
    return () if have is None else tuple(sorted(set(node.labels or ()) - have))


def wrong_function(function: str, metric: Metric | None) -> str:
    """Return why a function of a range makes no sense of a metric of that type, or an empty text."""
    kind = metric.type if metric is not None else ""
    counting = function in FOR_COUNTERS and kind in {"gauge", "recording"}
    if metric is not None and (counting or (function in FOR_GAUGES and kind == "counter")):
        return f"{function} of {metric.name}, which is a {kind}"
    return ""


@lru_cache(maxsize=1024)
def _possible(op: str, wanted: str, values: frozenset[str]) -> bool:
    """Return whether a matcher chooses, or leaves out, any of the values."""
    if op in {"=", "!="}:
        return wanted in values
    return any(matches(wanted, one) is not False for one in values)
