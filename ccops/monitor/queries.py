"""What is wrong with the queries of a dashboard: PromQL, and every metric and label against the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ccops.core.reports.marks import Mark
from ccops.monitor.dashboards import Dashboard, Target
from ccops.monitor.grafana import substituted, variable_query
from ccops.monitor.layout import mark
from ccops.rules.catalogue import Catalogue
from ccops.rules.fitting import misfit, unknown_labels, wrong_function
from ccops.rules.flat import FlatRule
from ccops.rules.promql import Expr, PromqlError, Selector, parse, selectors
from ccops.rules.promql_labels import labels_of
from ccops.rules.promql_tree import Aggregate, Call, walk

ANY = ".*"
_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Query:
    """One query as Prometheus is asked for it; `expr` is None when it can't be parsed."""

    target: Target
    text: str
    expr: Expr | None
    marks: tuple[Mark, ...] = ()


def with_recordings(catalogue: Catalogue, rules: Iterable[FlatRule]) -> Catalogue:
    """Return the catalogue with what the rules record: labels of the expressions, and those they set."""
    named: dict[str, list[FlatRule]] = {}
    for rule in rules:
        if not rule.alerting:
            named.setdefault(rule.name, []).append(rule)
    for name, same in named.items():
        labels: frozenset[str] | None = frozenset()
        for rule in same:
            own = labels_of(parse(rule.expr).root, catalogue.labels_of)
            labels = None if own is None or labels is None else labels | own | frozenset(rule.labels)
        shared = set(same[0].labels).intersection(*(rule.labels for rule in same))
        values = {label: frozenset(rule.labels[label] for rule in same) for label in shared}
        catalogue = catalogue.with_recordings({name: labels}, {name: values})
    return catalogue


def variables_of(one: Dashboard) -> dict[str, str]:
    """Return a value for each template variable: of a choice its first or current one, else any text."""
    listed = one.plain.get("templating")
    items = listed.get("list") if isinstance(listed, Mapping) else None
    found: dict[str, str] = {}
    for item in items if isinstance(items, list) else []:
        if isinstance(item, Mapping) and isinstance(item.get("name"), str):
            current = item.get("current")
            chosen = current.get("value") if isinstance(current, Mapping) else None
            usable = isinstance(chosen, str) and not chosen.startswith("$__") and item.get("type") != "query"
            found[str(item["name"])] = str(chosen) if usable else ANY
    return found


def queries_of(one: Dashboard) -> Iterator[Query]:
    """Return every query of the panels and annotations, and the PromQL inside variables."""
    variables = variables_of(one)
    for target in (*(t for panel in one.panels for t in panel.targets), *one.annotations):
        yield query_of(target, variables)
    for target in one.variables:
        inside, _ = variable_query(target.expr)
        if inside:
            yield query_of(Target(target.ref_id, inside, target.datasource, target.where), variables)


def query_of(target: Target, variables: Mapping[str, str]) -> Query:
    """Return one query with Grafana's words replaced, and what keeps it from being PromQL."""
    text, unknown = substituted(target.expr, variables)
    marks = [
        mark("TARGET_VARIABLE", target.where, f"${name} is no variable of the dashboard") for name in unknown
    ]
    try:
        if not text.strip():
            raise PromqlError("the query is empty")
        expr: Expr | None = parse(text)
    except PromqlError as error:
        expr = None
        if not unknown:
            marks.append(mark("TARGET_PROMQL", target.where, f"no PromQL: {error}", detail=target.expr))
    return Query(target, text, expr, tuple(marks))


def check_query(query: Query, catalogue: Catalogue) -> Iterator[Mark]:
    """Yield metrics and labels of the query that nothing exports."""
    yield from query.marks
    if query.expr is None:
        return
    bad = False
    for selector in selectors(query.expr):
        for found in _selector(query.target, selector, catalogue):
            bad = True
            yield found
    if not bad:  # else every label behind an unknown metric would be reported too
        yield from _labels(query, query.expr, catalogue)
        yield from _rates(query, query.expr, catalogue)


def _selector(target: Target, selector: Selector, catalogue: Catalogue) -> Iterator[Mark]:
    if selector.name is None:
        yield mark(
            "TARGET_METRIC", target.where, "a selector without a metric's name reads everything there is"
        )
        return
    metric = catalogue.get(selector.name)
    if metric is None:
        near = catalogue.nearest(selector.name)
        said = f"nothing exports {selector.name}"
        yield mark("TARGET_METRIC", target.where, said, next_step=f"did you mean {near}?" if near else "")
        return
    for matcher in selector.matchers:
        wrong = misfit(metric, matcher)
        # A variable's value is any; and a panel may leave out what is not there today.
        if wrong and not (wrong.value and (matcher.value == ANY or matcher.op in {"!=", "!~"})):
            yield mark("TARGET_LABEL", target.where, wrong.said, detail=wrong.has)


def _labels(query: Query, expr: Expr, catalogue: Catalogue) -> Iterator[Mark]:
    for node in walk(expr.root):
        if isinstance(node, Aggregate) and node.labels and not node.without:
            for label in unknown_labels(node, labels_of(node.inner, catalogue.labels_of)):
                said = f"{node.op} by ({label}): no series there has that label"
                yield mark("TARGET_LABEL", query.target.where, said)
    shown = labels_of(expr.root, catalogue.labels_of)
    for label in _LEGEND.findall(query.target.legend):
        if shown is not None and label not in shown:
            said = f"the legend shows {{{{{label}}}}}, which the query's series do not have"
            yield mark("TARGET_LEGEND", query.target.where, said)


def _rates(query: Query, expr: Expr, catalogue: Catalogue) -> Iterator[Mark]:
    for call in walk(expr.root):
        for one in call.args if isinstance(call, Call) else ():
            metric = catalogue.get(one.name or "") if isinstance(one, Selector) else None
            if isinstance(call, Call) and (said := wrong_function(call.name, metric)):
                yield mark("TARGET_RATE", query.target.where, said)
