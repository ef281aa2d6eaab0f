"""Dashboards as data: rendered from templates or read from a folder, each value with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ccops.core.errors import UsageError
from ccops.core.profile import Profile
from ccops.monitor import located
from ccops.monitor.located import JsonError
from ccops.rules.project import TEMPLATES, templates_of
from ccops.rules.render import context_of
from ccops.rules.templating import Origin, render_text
from ccops.rules.thresholds import Resolved

FOLDER = "dashboards"
META = "ccops"  # our own key in a panel, which Grafana leaves alone


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one dashboard file and, by its lines, where they come from."""

    name: str
    text: str
    label: str  # how people know the file: the template, or the file itself
    lines: tuple[int, ...] = ()

    def where(self, line: int) -> str:
        """Return `file:line` of the template for a line of the text."""
        if not self.lines:
            return f"{self.label}:{line}"
        return f"{self.label}:{self.lines[min(line, len(self.lines)) - 1]}"


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel."""

    ref_id: str
    expr: str
    datasource: object
    where: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """One step of a panel's thresholds, and what it has to be: a threshold by name, or a reason."""

    value: object
    threshold: str
    reason: str
    where: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `ident`, `grid` and `unit` are as they stand, also when they are wrong."""

    ident: object
    title: str
    kind: str
    unit: object
    grid: Mapping[str, object]
    datasource: object
    targets: tuple[Target, ...]
    limits: tuple[Limit, ...]
    empty_ok: str
    where: str
    inside: str = ""  # the row that holds it; grids of different rows have nothing to do with each other


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard, its panels (those inside rows too), variables and annotation queries."""

    source: Source
    plain: Mapping[str, object]
    uid: str
    title: str
    panels: tuple[Panel, ...] = ()
    variables: tuple[Target, ...] = ()
    annotations: tuple[Target, ...] = ()
    document: located.Document | None = field(default=None, repr=False)

    def where(self, *path: str | int) -> str:
        """Return `file:line` of what is at `path`."""
        return self.source.where(self.document.line(path)) if self.document else self.source.where(1)


def rendered(profile: Profile, resolved: Resolved) -> tuple[Source, ...]:
    """Return every dashboards/*.json.j2 rendered with the thresholds of the profile. Raises UsageError."""
    folder = templates_of(profile.project)
    names = sorted(path.name for path in (folder / FOLDER).glob("*.json.j2") if path.name[0] != "_")
    if not names:
        raise _nothing(folder / FOLDER, "*.json.j2")
    context = {**context_of(resolved), "thresholds": dict(resolved.values)}
    made = []
    for name in names:
        file = render_text(folder, f"{FOLDER}/{name}", context)
        made.append(Source(file.name, file.text, f"{TEMPLATES}/{FOLDER}/{name}", _calls(file.origin)))
    return tuple(made)


def _calls(origin: Origin) -> tuple[int, ...]:
    """Return for each output line the line of the template itself: a macro's line is where it was called."""
    calls: list[int] = []
    for place, line in enumerate(origin.lines):
        own = not origin.files or origin.files[place] == origin.template
        calls.append(line if own else calls[-1] if calls else 1)
    return tuple(calls)


def read(folder: Path) -> tuple[Source, ...]:
    """Return the *.json of a folder, or one file. Raises UsageError when there is none."""
    paths = [folder] if folder.is_file() else sorted(folder.rglob("*.json"))
    if not paths:
        raise _nothing(folder, "*.json")
    found = []
    for path in paths:
        try:
            found.append(Source(path.name, path.read_text(encoding="utf-8"), str(path)))
        except (OSError, UnicodeDecodeError) as error:
            raise _nothing(path, f"text: {error}") from None
    return tuple(found)


def dashboard_of(source: Source) -> Dashboard:
    """Return the dashboard that `source` holds. Raises JsonError for what is no JSON object."""
    document = located.parse(source.text)
    if not isinstance(document.value, Mapping):
        raise JsonError("a dashboard is an object", 1)
    plain = document.value
    made = Dashboard(source, plain, _text(plain.get("uid")), _text(plain.get("title")), document=document)
    return Dashboard(
        source,
        plain,
        made.uid,
        made.title,
        tuple(_panel(made, item, path) for item, path in _panels(plain, ())),
        _queries(made, ("templating", "list"), "query"),
        _queries(made, ("annotations", "list"), "expr"),
        document,
    )


def _panels(
    plain: Mapping[str, object], path: located.Path
) -> list[tuple[Mapping[str, object], located.Path]]:
    found: list[tuple[Mapping[str, object], located.Path]] = []
    for place, item in enumerate(_items(plain.get("panels"))):
        here = (*path, "panels", place)
        found += [(item, here), *_panels(item, here)]
    return found


def _panel(of: Dashboard, item: Mapping[str, object], path: located.Path) -> Panel:
    defaults = _object(_object(item.get("fieldConfig")).get("defaults"))
    meta = _object(item.get(META))
    return Panel(
        ident=item.get("id"),
        title=_text(item.get("title")),
        kind=_text(item.get("type")),
        unit=defaults.get("unit"),
        grid=_object(item.get("gridPos")),
        datasource=item.get("datasource"),
        targets=tuple(
            _target(of, target, (*path, "targets", place), "expr", item.get("datasource"))
            for place, target in enumerate(_items(item.get("targets")))
        ),
        limits=_limits(of, defaults, _items(meta.get("limits")), path),
        empty_ok=_text(meta.get("emptyOk")),
        where=of.where(*path),
        inside="/".join(map(str, path[:-2])),
    )


def _limits(
    of: Dashboard, defaults: Mapping[str, object], meta: list[Mapping[str, object]], path: located.Path
) -> tuple[Limit, ...]:
    """Return the steps above the base step, each with what `ccops.limits` says of it in the same order."""
    steps = _items(_object(defaults.get("thresholds")).get("steps"))
    own = [(place, step) for place, step in enumerate(steps) if step.get("value") is not None]
    made = []
    for number, (place, step) in enumerate(own):
        said = meta[number] if number < len(meta) else {}
        where = of.where(*path, "fieldConfig", "defaults", "thresholds", "steps", place)
        made.append(Limit(step["value"], _text(said.get("threshold")), _text(said.get("reason")), where))
    return tuple(made)


def _queries(of: Dashboard, path: located.Path, key: str) -> tuple[Target, ...]:
    inside: object = of.plain
    for part in path:
        inside = _object(inside).get(str(part))
    return tuple(
        _target(of, item, (*path, place), key, None)
        for place, item in enumerate(_items(inside))
        if item.get("type", "query") == "query"
    )


def _target(
    of: Dashboard, item: Mapping[str, object], path: located.Path, key: str, inherited: object
) -> Target:
    query = item.get(key)
    expr = _text(_object(query).get("query")) if isinstance(query, Mapping) else _text(query)
    name = _text(item.get("refId")) or _text(item.get("name"))
    legend = _text(item.get("legendFormat"))
    return Target(name, expr, item.get("datasource", inherited), of.where(*path), legend)


def _items(value: object) -> list[Mapping[str, object]]:
    return [_object(item) for item in value] if isinstance(value, list) else []


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _nothing(place: Path, what: str) -> UsageError:
    return UsageError(
        "DASHBOARDS_MISSING",
        f"{place} holds no dashboards",
        evidence=f"looked for {what}",
        next_step="a project's dashboards are in rules_templates/dashboards/",
    )
