"""`ccops monitor verify`: every panel's query answers, every target is up, every rule group is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ccops.core.profile import Profile
from ccops.core.reports.marks import Mark, Severity
from ccops.monitor.check import check_templates
from ccops.monitor.dashboards import Dashboard, Panel
from ccops.monitor.layout import mark
from ccops.monitor.live import Answer, ask_all
from ccops.monitor.queries import Query, query_of, variables_of
from ccops.rules.places import prometheus_of
from ccops.rules.project import RuleSet, rule_set
from ccops.rules.server import LoadedGroup, Target, loaded_groups, open_server, targets

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class PanelAnswer:
    """One panel's query and what came of it: `ok`, `no traffic`, `empty`, `empty (declared)`, `refused`."""

    dashboard: str
    panel: str
    ref_id: str
    word: str
    series: int


@dataclass(frozen=True, slots=True)
class VerifiedMonitor:
    """What a running Prometheus says to the dashboards and rules of an environment."""

    url: str
    answers: tuple[PanelAnswer, ...]
    targets: tuple[Target, ...]
    groups: tuple[LoadedGroup, ...]
    wanted_groups: tuple[str, ...]
    marks: tuple[Mark, ...]

    @property
    def failed(self) -> bool:
        """Return whether anything is wrong; what is only worth knowing is not."""
        return any(one.severity is Severity.ERROR for one in self.marks)


def verify(profile: Profile, url: str = "") -> VerifiedMonitor:
    """Ask the Prometheus of `profile`, or that at `url`. Raises Unreachable, and UsageError as check does."""
    rules = rule_set(profile)
    checked = check_templates(rules)
    place = prometheus_of(profile, url, "--url")
    with open_server(place, timeout=20.0) as client:
        answers, marks = _panels(client, checked.dashboards)
        found, groups = targets(client), loaded_groups(client)
    wanted = tuple(dict.fromkeys(name for _, name in rules.rendered.inventory.groups))
    marks += [*_targets(found, _jobs(checked.dashboards)), *_groups(rules, groups)]
    return VerifiedMonitor(place, tuple(answers), found, groups, wanted, (*checked.marks, *marks))


def _panels(client: httpx.Client, dashboards: Sequence[Dashboard]) -> tuple[list[PanelAnswer], list[Mark]]:
    asked = [
        (one, panel, query_of(target, variables_of(one)))
        for one in dashboards
        for panel in one.panels
        for target in panel.targets
    ]
    said = ask_all(client, [query.text for _, _, query in asked])
    answers: list[PanelAnswer] = []
    marks: list[Mark] = []
    for (one, panel, query), answer in zip(asked, said, strict=True):
        word = word_of(panel, answer)
        answers.append(PanelAnswer(one.uid, panel.title, query.target.ref_id, word, answer.series))
        marks += _answer_mark(one, panel, query, answer, word)
    return answers, marks


def word_of(panel: Panel, answer: Answer) -> str:
    """Return what an answer means for its panel."""
    if answer.error:
        return "refused"
    if not answer.series:
        return "empty (declared)" if panel.empty_ok else "empty"
    return "ok" if answer.numbers else "no traffic"


def _answer_mark(one: Dashboard, panel: Panel, query: Query, answer: Answer, word: str) -> Iterator[Mark]:
    name = f"{one.uid}: panel {panel.title!r}, query {query.target.ref_id}"
    if word == "refused":
        yield mark(
            "PANEL_REFUSED", query.target.where, f"{name} is refused by Prometheus", detail=answer.error
        )
    elif word == "empty":
        step = "make some traffic (ccops smoke journey), or declare in the panel why it may be empty"
        yield mark("PANEL_EMPTY", query.target.where, f"{name} is empty", detail=query.text, next_step=step)


def _jobs(dashboards: Sequence[Dashboard]) -> set[str]:
    """Return the jobs that panels ask for by name."""
    from ccops.rules.promql import selectors

    found: set[str] = set()
    for one in dashboards:
        for panel in one.panels:
            for target in panel.targets:
                query = query_of(target, variables_of(one))
                for selector in selectors(query.expr) if query.expr else ():
                    found |= {m.value for m in selector.matchers if (m.label, m.op) == ("job", "=")}
    return found


def _targets(found: Sequence[Target], jobs: set[str]) -> Iterator[Mark]:
    for job in sorted(jobs - {one.job for one in found}):
        yield mark("TARGET_MISSING", "", f"Prometheus scrapes nothing as job {job!r}, which panels ask for")
    for one in found:
        if not one.up:
            said = f"target {one.job} {one.instance} is {one.health}"
            yield mark("TARGET_DOWN", "", said, detail=one.last_error, next_step="ccops status")


def _groups(rules: RuleSet, loaded: Sequence[LoadedGroup]) -> Iterator[Mark]:
    there = {group.name for group in loaded}
    for file, name in rules.rendered.inventory.groups:
        if name not in there:
            step = f"ccops rules apply --env {rules.profile.env}"
            yield mark("GROUP_NOT_LOADED", "", f"the group {name} of {file} is not loaded", next_step=step)
    for group in loaded:
        for rule in group.rules:
            if rule.health == "err":
                said = f"the rule {group.name}/{rule.name} can't be evaluated"
                yield mark("RULE_UNHEALTHY", "", said, detail=rule.last_error)
