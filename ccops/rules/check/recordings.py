"""What a rule set records: one name may stand for several rules that differ in their labels."""

from __future__ import annotations

from collections.abc import Iterable

from ccops.rules.catalogue import Catalogue, Values
from ccops.rules.check.bounds import Bounds, bounds_of
from ccops.rules.check.model import Rule
from ccops.rules.promql_labels import labels_of
from ccops.rules.promql_tree import Matcher, Selector
from ccops.rules.re2 import matches

_DEEPEST = 3  # recordings of recordings of recordings; each pass knows one level more


class Recordings:
    """The recordings of all files that a server would load together."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._by_name: dict[str, list[Rule]] = {}
        for rule in rules:
            if not rule.alert:
                self._by_name.setdefault(rule.name.text, []).append(rule)
        self._bounds: dict[int, Bounds] = {}
        for _ in range(_DEEPEST if self._by_name else 0):
            self._bounds = {
                id(rule): bounds_of(rule.expr.root, self.bounds)
                for named in self._by_name.values()
                for rule in named
                if rule.expr is not None
            }

    def matching(self, selector: Selector) -> list[Rule]:
        """Return the rules that record what `selector` reads, as far as their own labels tell."""
        named = self._by_name.get(selector.name or "", [])
        return [rule for rule in named if all(_fits(rule, one) for one in selector.matchers)]

    def bounds(self, selector: Selector) -> Bounds | None:
        """Return what the recordings behind `selector` can be, or None when there are none."""
        found = [self._bounds.get(id(rule), Bounds()) for rule in self.matching(selector)]
        if not found:
            return None
        return Bounds(min(one.low for one in found), max(one.high for one in found))

    def extend(self, catalogue: Catalogue) -> Catalogue:
        """Return `catalogue` with the recordings, their labels, and the values of labels that rules set."""
        known = catalogue
        for _ in range(_DEEPEST if self._by_name else 0):
            found = {name: self._labels(named, known) for name, named in self._by_name.items()}
            closed = {name: _values(named) for name, named in self._by_name.items()}
            known = catalogue.with_recordings(found, closed)
        return known

    def _labels(self, named: list[Rule], known: Catalogue) -> frozenset[str] | None:
        every: frozenset[str] = frozenset()
        for rule in named:
            labels = None if rule.expr is None else labels_of(rule.expr.root, known.labels_of)
            if labels is None:
                return None
            every |= labels | set(rule.labels)
        return every


def _values(named: list[Rule]) -> dict[str, Values]:
    """Return the values of the labels that each of the rules sets itself."""
    shared = set(named[0].labels).intersection(*(rule.labels for rule in named))
    return {label: frozenset(rule.labels[label].text for rule in named) for label in shared}


def _fits(rule: Rule, matcher: Matcher) -> bool:
    value = rule.labels.get(matcher.label)
    if value is None:
        return True
    if matcher.op in {"=", "!="}:
        return (value.text == matcher.value) is (matcher.op == "=")
    fits = matches(matcher.value, value.text)
    return fits is None or fits is (matcher.op == "=~")
