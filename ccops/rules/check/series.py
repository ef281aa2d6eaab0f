"""Series, labels and values of an expression against the catalogue; functions against types of metrics."""

from __future__ import annotations

from collections.abc import Iterator

from ccops.core.yamltree import Scalar
from ccops.rules.catalogue import Catalogue, Metric
from ccops.rules.check.model import Rule
from ccops.rules.check.reach import is_counting
from ccops.rules.check.source import Notes
from ccops.rules.fitting import FOR_COUNTERS, FOR_GAUGES, misfit, unknown_labels, wrong_function
from ccops.rules.promql_labels import labels_of
from ccops.rules.promql_tree import (
    COMPARISONS,
    KEEPS_SERIES,
    Aggregate,
    Binary,
    Call,
    Matcher,
    Node,
    Number,
    Selector,
    Subquery,
    children,
)

_BLIND = FOR_COUNTERS | {"changes", "absent", "absent_over_time", "present_over_time", "count_over_time"}
_BLIND = _BLIND | {"timestamp"} | FOR_GAUGES  # gauge functions on counters are told in their own words
_QUANTILES = frozenset({"histogram_quantile", "quantile_over_time"})


class SeriesJudge:
    """Judges the expression of one rule against a catalogue."""

    def __init__(self, rule: Rule, notes: Notes, catalogue: Catalogue, scrape_s: float) -> None:
        self._rule = rule
        self._notes = notes
        self._catalogue = catalogue
        self._shortest_s = 4 * scrape_s

    def judge(self) -> None:
        """Note everything; each selector once, whatever is wrong with it."""
        expr = self._rule.expr
        if expr is not None and self._rule.text is not None:
            self._walk(expr.root, None, blind=False)

    def _add(self, code: str, said: str, needle: str = "", evidence: str = "") -> None:
        at: Scalar | int = self._rule.text if self._rule.text is not None else self._rule.node.line
        self._notes.add(code, said, at, rule=self._rule.name.text, needle=needle, evidence=evidence)

    def _walk(self, node: Node, above: Node | None, *, blind: bool) -> None:
        """Visit `node`. `blind`: the value of a counter below does not come to the top as it is."""
        if isinstance(node, Selector):
            self._selector(node, above, blind=blind)
            return
        if isinstance(node, Call):
            self._call(node)
            blind = blind or node.name in _BLIND
        elif isinstance(node, Aggregate):
            self._aggregate(node)
            blind = blind or is_counting(node)
        elif isinstance(node, Binary):
            self._binary(node)
        elif isinstance(node, Subquery):
            self._window(node.range_s, "the subquery")
        for one in children(node):
            self._walk(one, node, blind=blind)

    def _selector(self, node: Selector, above: Node | None, *, blind: bool) -> None:
        name = node.name
        if name is None:
            return
        metric = self._catalogue.get(name)
        if metric is None:
            self._unknown(node, above)
        else:
            for matcher in node.matchers:
                self._matcher(metric, matcher)
        counter = metric.type == "counter" if metric is not None else name.endswith("_total")
        if counter and not blind:
            said = f"the counter {name} is read as it is: it grows until the process restarts"
            self._add("RULE_RAW_COUNTER", said, name)
        if node.range_s is not None:
            self._window(node.range_s, name)

    def _unknown(self, node: Selector, above: Node | None) -> None:
        name = node.name or ""
        near = self._catalogue.nearest(name)
        hint = f"did you mean {near}?" if near else ""
        said = f"nothing exposes a series {name:.80}"
        if isinstance(above, Binary) and above.op in COMPARISONS and not node.matchers and not near:
            said = f"the word {name:.40} is a metric name to PromQL, and nothing exposes it"
            hint = "the comparison is never true"
        self._add("RULE_SERIES_UNKNOWN", said, name, hint)

    def _matcher(self, metric: Metric, matcher: Matcher) -> None:
        if wrong := misfit(metric, matcher):
            code = "RULE_VALUE_UNKNOWN" if wrong.value else "RULE_LABEL_UNKNOWN"
            self._add(code, wrong.said, matcher.value if wrong.value else matcher.label, wrong.has)

    def _window(self, range_s: float, name: str) -> None:
        if range_s < self._shortest_s:
            said = f"the window of {name} is {range_s:g} s"
            why = f"four scrapes take {self._shortest_s:g} s; with fewer, one missed scrape leaves nothing"
            self._add("RULE_RANGE_SHORT", said, name, why)

    def _call(self, node: Call) -> None:
        for one in node.args:
            if isinstance(one, Selector) and one.name is not None:
                self._function(node.name, one.name)
            elif isinstance(one, Subquery) and node.name in FOR_COUNTERS:
                self._resummed(node.name, one.inner)
        if node.name in _QUANTILES:
            self._quantile(node.name, node.args[0])
        if node.name == "histogram_quantile":
            self._buckets(node.args[1])

    def _resummed(self, function: str, inner: Node) -> None:
        if isinstance(inner, Aggregate) and inner.op not in KEEPS_SERIES:
            said = f"{function} of {inner.op}: a restart of one process looks like growth"
            self._add("RULE_FUNCTION_TYPE", said, function, f"take {inner.op} of {function}")

    def _function(self, function: str, name: str) -> None:
        if said := wrong_function(function, self._catalogue.get(name)):
            self._add("RULE_FUNCTION_TYPE", said, function)

    def _quantile(self, function: str, node: Node) -> None:
        if isinstance(node, Number) and not 0 <= node.value <= 1:
            said = (
                f"{function}({node.value:g}, ..) asks for a share above 1 or below 0: the answer is infinite"
            )
            self._add("RULE_QUANTILE", said, function, f"the 95th percentile is {node.value / 100:g}")

    def _buckets(self, node: Node) -> None:
        labels = labels_of(node, self._catalogue.labels_of)
        if labels is not None and "le" not in labels:
            said = "histogram_quantile of series without the label le: it returns nothing"
            self._add("RULE_QUANTILE", said, "histogram_quantile")

    def _aggregate(self, node: Aggregate) -> None:
        if node.op == "quantile" and node.param is not None:
            self._quantile("quantile", node.param)
        inner = labels_of(node.inner, self._catalogue.labels_of)
        for label in unknown_labels(node, inner):
            word = "without" if node.without else "by"
            said = f"{node.op} {word} ({label}): no series below has that label"
            has = f"they have {', '.join(sorted(inner or ())) or 'none'}"
            self._add("RULE_LABEL_UNKNOWN", said, label, has)

    def _binary(self, node: Binary) -> None:
        for label, side in _lost(node, self._catalogue):
            said = f"{node.op} matches on {label}, which the {side} side has not"
            self._add("RULE_MATCHING", said, label, "series match when both lack it, or never")


def _lost(node: Binary, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Yield the labels on which `node` matches and the side that can't have them."""
    left, right = labels_of(node.left, catalogue.labels_of), labels_of(node.right, catalogue.labels_of)
    if left is None or right is None or _plain(node.left) or _plain(node.right) or node.op == "or":
        return
    matching = node.matching
    if matching.labels is not None and matching.on:
        for label in matching.labels:
            for labels, side in ((left, "left"), (right, "right")):
                if label not in labels:
                    yield label, side
        return
    if not (_aggregated(node.left) and _aggregated(node.right)):
        return
    ignored = set(matching.labels or ())
    if not matching.many:
        for label in sorted((left ^ right) - ignored):
            yield label, "right" if label in left else "left"


def _aggregated(node: Node) -> bool:
    """Return whether the labels of `node` are exactly those that an aggregation names."""
    if isinstance(node, Aggregate):
        return node.op not in KEEPS_SERIES and not node.without
    if isinstance(node, Binary):
        left, right = node.left, node.right
        if node.op in COMPARISONS or node.op in {"and", "unless"} or _plain(right):
            return _aggregated(left)
        return _aggregated(right) if _plain(left) else _aggregated(left) and _aggregated(right)
    return isinstance(node, Call) and bool(node.args) and _aggregated(node.args[-1])


def _plain(node: Node) -> bool:
    """Return whether `node` is a scalar, which matches everything."""
    if isinstance(node, Binary):
        return _plain(node.left) and _plain(node.right)
    return isinstance(node, Number) or (isinstance(node, Call) and node.name in {"time", "scalar", "pi"})
