"""`ccops metrics list`: what is exported, and which rules, panels and objectives look at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ccops.core.bundle import contract_folder
from ccops.core.profile import Profile
from ccops.monitor import objectives, profiles
from ccops.monitor.dashboards import dashboard_of, rendered
from ccops.monitor.profiles import Declared
from ccops.monitor.queries import queries_of
from ccops.rules.flat import flatten
from ccops.rules.project import rule_set
from ccops.rules.promql import Expr, PromqlError, parse, selectors

_PARTS = ("_bucket", "_sum", "_count")


@dataclass(slots=True)
class Used:
    """One metric of the contract and who looks at it, by name."""

    metric: Declared
    rules: set[str] = field(default_factory=set)
    panels: set[str] = field(default_factory=set)
    objectives: set[str] = field(default_factory=set)

    @property
    def unused(self) -> bool:
        """Return whether nobody looks at it."""
        return not (self.rules or self.panels or self.objectives)


def usage(profile: Profile) -> dict[str, Used]:
    """Return every metric of the contract by name. Raises UsageError for what can't be rendered or read."""
    rules = rule_set(profile)
    contract = profiles.declared(contract_folder(profile), profile.get("APP_ENV", profile.env))
    found = {name: Used(metric) for name, metric in sorted(contract.items())}
    for rule in flatten((file.name, file.text) for file in rules.rendered.files):
        for name in _names(_parsed(rule.expr), contract):
            found[name].rules.add(rule.name)
    for source in rendered(profile, rules.resolved):
        one = dashboard_of(source)
        for query in queries_of(one):
            for name in _names(query.expr, contract):
                found[name].panels.add(one.uid)
    for name in objectives.METRICS:
        if name in found:
            found[name].objectives.add("slo report")
    return found


def _parsed(text: str) -> Expr | None:
    try:
        return parse(text)
    except PromqlError:  # `ccops rules check` says it
        return None


def _names(expr: Expr | None, contract: Mapping[str, Declared]) -> Iterable[str]:
    """Return the metrics of the contract that an expression reads; a part of a histogram is the histogram."""
    for selector in selectors(expr) if expr else ():
        name = selector.name or ""
        stems = (name, *(name.removesuffix(part) for part in _PARTS if name.endswith(part)))
        yield from (stem for stem in stems if stem in contract)
