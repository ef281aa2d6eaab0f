"""`ccops monitor check`: what makes a dashboard show nothing, or something else than the rules compare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ccops.core.bundle import contract_folder
from ccops.core.profile import Profile
from ccops.core.reports.marks import Mark
from ccops.monitor.dashboards import Dashboard, Source, dashboard_of, read, rendered
from ccops.monitor.layout import (
    check_dashboard,
    check_grid,
    check_panel,
    check_source,
    check_unique,
    mark,
)
from ccops.monitor.located import JsonError
from ccops.monitor.queries import check_query, queries_of, with_recordings
from ccops.rules.catalogue import Catalogue, load_catalogue
from ccops.rules.flat import flatten
from ccops.rules.project import TEMPLATES, RuleSet, rule_set, templates_of
from ccops.rules.thresholds import Resolved

SOURCE = "dashboards/provisioning/datasource.yml.j2"


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at and found. `queries` counts every PromQL, those of annotations and variables too."""

    env: str
    dashboards: tuple[Dashboard, ...]
    queries: int
    marks: tuple[Mark, ...]


def check(profile: Profile, path: Path | None = None) -> Checked:
    """Check the project's dashboards as they are rendered for `profile`, or the JSON files at `path`.

    Raises UsageError when nothing can be rendered or read.
    """
    rules = rule_set(profile)
    if path:
        return check_sources(profile.env, read(path), rules.resolved, catalogue_of(rules))
    return check_templates(rules)


def check_templates(rules: RuleSet) -> Checked:
    """Check the project's own dashboards, rendered, and the data source that they name."""
    profile = rules.profile
    sources = rendered(profile, rules.resolved)
    found = check_sources(profile.env, sources, rules.resolved, catalogue_of(rules))
    marks = check_source(templates_of(profile.project) / SOURCE, f"{TEMPLATES}/{SOURCE}")
    return replace(found, marks=(*found.marks, *marks))


def catalogue_of(rules: RuleSet) -> Catalogue:
    """Return every series that can exist in the environment, recordings included."""
    profile = rules.profile
    known = load_catalogue(contract_folder(profile), env=profile.get("APP_ENV", profile.env))
    return with_recordings(known, flatten((file.name, file.text) for file in rules.rendered.files))


def check_sources(env: str, sources: Iterable[Source], resolved: Resolved, catalogue: Catalogue) -> Checked:
    """Check dashboards that are at hand."""
    dashboards: list[Dashboard] = []
    marks: list[Mark] = []
    for source in sources:
        try:
            dashboards.append(dashboard_of(source))
        except JsonError as error:
            marks.append(mark("DASHBOARD_JSON", source.where(error.line), f"no dashboard: {error}"))
    queries = 0
    for one in dashboards:
        marks += [*check_dashboard(one), *check_grid(one)]
        marks += [found for panel in one.panels for found in check_panel(panel, resolved)]
        for query in queries_of(one):
            queries += 1
            marks += check_query(query, catalogue)
    marks += check_unique(dashboards)
    return Checked(env, tuple(dashboards), queries, _once(marks))


def _once(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """One finding a place and message, in the order of the files."""
    return tuple(sorted(dict.fromkeys(marks), key=lambda one: (one.file, one.line, one.code)))
