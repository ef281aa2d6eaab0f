"""What is wrong with the shape of a dashboard: identities, data sources, units, the grid, thresholds."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from itertools import combinations
from pathlib import Path

from ccops.core.reports.marks import Mark, place_of
from ccops.monitor.dashboards import Dashboard, Panel
from ccops.rules.thresholds import Resolved

DATASOURCE = "prometheus"
COLUMNS = 24
_UID = re.compile(r"\s*uid:\s*[\"']?([^\"'\s]*)")
# Ids of Grafana's units that panels of counters, times and shares need; a misspelt one is shown as a suffix.
UNITS = frozenset(
    {
        "short", "none", "bool", "percent", "percentunit", "ns", "µs", "ms", "s", "m", "h", "d",
        "dtdurations", "dateTimeAsIso", "reqps", "ops", "rps", "wps", "cps", "iops", "hertz",
        "bytes", "decbytes", "Bps", "binBps",
    }
)  # fmt: skip


def mark(code: str, where: str, message: str, *, detail: str = "", next_step: str = "") -> Mark:
    """Return a finding at `file:line`."""
    file, line, _ = place_of(where)
    return Mark(code, message, file=file, line=line, detail=detail, next_step=next_step)


def check_dashboard(one: Dashboard) -> Iterator[Mark]:
    """Yield what is wrong with the dashboard itself."""
    if not one.uid:
        yield mark("DASHBOARD_UID", one.where(), "it has no uid, so that links to it break at each start")
    if one.plain.get("id") is not None:
        said = "its id must be null: the number of another Grafana is the number of another dashboard here"
        yield mark("DASHBOARD_ID", one.where("id"), said)
    if one.plain.get("editable") is not False:
        said = 'it must say "editable": false: a change in the browser is lost at the next start'
        yield mark("DASHBOARD_EDITABLE", one.where("editable"), said)
    yield from _inputs(one)
    for target in (*one.variables, *one.annotations):
        if uid_of(target.datasource) != DATASOURCE:
            yield _datasource(target.where, f"{target.ref_id or 'a query'} of it", target.datasource)


def _inputs(one: Dashboard) -> Iterator[Mark]:
    """An export of the browser: provisioning never fills in what it asks for, and says nothing about it."""
    for key in ("__inputs", "__requires"):
        if key in one.plain:
            yield mark(
                "DASHBOARD_INPUTS", one.where(key), f"{key} is of an export; provisioning leaves it as it is"
            )
    for number, line in enumerate(one.source.text.split("\n"), 1):
        if "${DS_" in line:
            yield mark(
                "DASHBOARD_INPUTS", one.source.where(number), "${DS_..} is never resolved by provisioning"
            )


def check_panel(panel: Panel, resolved: Resolved) -> Iterator[Mark]:
    """Yield what is wrong with one panel, its queries left out."""
    name = f"panel {panel.title!r}" if panel.title else f"panel {panel.ident}"
    if not panel.title:
        yield mark("PANEL_TITLE", panel.where, f"{name} has no title")
    if panel.kind in {"row", "text"}:
        return
    if not panel.targets:
        yield mark("PANEL_NO_QUERY", panel.where, f"{name} has no query")
    if panel.unit not in UNITS:
        near = difflib.get_close_matches(str(panel.unit), UNITS, n=1)
        said = f"{name} has the unit {panel.unit!r}" if panel.unit else f"{name} has no unit"
        yield mark("PANEL_UNIT", panel.where, said, next_step=f"did you mean {near[0]}?" if near else "")
    if uid_of(panel.datasource) != DATASOURCE:
        yield _datasource(panel.where, name, panel.datasource)
    yield from _ref_ids(panel, name)
    yield from _limits(panel, name, resolved)


def _ref_ids(panel: Panel, name: str) -> Iterator[Mark]:
    seen: set[str] = set()
    for target in panel.targets:
        if not target.ref_id:
            yield mark(
                "TARGET_REF_ID", target.where, f"a query of {name} has no refId, so that it is not run"
            )
        elif target.ref_id in seen:
            yield mark("TARGET_REF_ID", target.where, f"{name} has two queries {target.ref_id}")
        seen.add(target.ref_id)
        if uid_of(target.datasource) != DATASOURCE:
            yield _datasource(target.where, f"query {target.ref_id} of {name}", target.datasource)


def _limits(panel: Panel, name: str, resolved: Resolved) -> Iterator[Mark]:
    for limit in panel.limits:
        if not limit.threshold:
            if not limit.reason:
                said = f"{name} draws a line at {limit.value} that belongs to no threshold"
                step = f"name the threshold in the panel's limits; of {resolved.env}: ccops env show"
                yield mark("PANEL_LIMIT_FREE", limit.where, said, next_step=step)
        elif limit.threshold not in resolved.values:
            said = f"{name} names the threshold {limit.threshold}, which there is not"
            yield mark("PANEL_LIMIT_UNKNOWN", limit.where, said)
        elif _decimal(limit.value) != resolved.values[limit.threshold]:
            wanted = resolved.text(limit.threshold)
            said = f"{name} draws its line at {limit.value}, and {limit.threshold} is {wanted}"
            origin = f"{resolved.env}: {resolved.origins[limit.threshold]}"
            yield mark("PANEL_LIMIT", limit.where, said, detail=origin, next_step="ccops monitor provision")


def check_grid(one: Dashboard) -> Iterator[Mark]:
    """Yield panels that leave the grid, lie on each other, or share an id."""
    seen: dict[object, Panel] = {}
    for panel in one.panels:
        if not isinstance(panel.ident, int) or isinstance(panel.ident, bool) or panel.ident < 1:
            yield mark(
                "PANEL_ID", panel.where, f"panel {panel.title!r} has the id {panel.ident!r}, no number from 1"
            )
        elif panel.ident in seen:
            said = f"panel {panel.title!r} has the id {panel.ident} of {seen[panel.ident].title!r}"
            yield mark("PANEL_ID", panel.where, said)
        else:
            seen[panel.ident] = panel
        if why := _outside(panel):
            yield mark("PANEL_GRID", panel.where, f"panel {panel.title!r} {why}")
    placed = [panel for panel in one.panels if not _outside(panel)]
    for first, second in combinations(placed, 2):
        if first.inside == second.inside and _overlap(first, second):
            said = f"panel {second.title!r} lies on {first.title!r}"
            yield mark("PANEL_GRID", second.where, said, detail=f"{_place(first)} and {_place(second)}")


def _place(panel: Panel) -> tuple[int, int, int, int]:
    x, y, w, h = (panel.grid.get(key) for key in "xywh")
    return (_whole(x), _whole(y), _whole(w), _whole(h))


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _outside(panel: Panel) -> str:
    x, y, w, h = _place(panel)
    if min(x, y) < 0 or min(w, h) < 1:
        return f"has no place in the grid: {dict(panel.grid)}"
    return f"ends at column {x + w} of {COLUMNS}" if x + w > COLUMNS else ""


def _overlap(first: Panel, second: Panel) -> bool:
    ax, ay, aw, ah = _place(first)
    bx, by, bw, bh = _place(second)
    return ax < bx + bw and bx < ax + aw and ay < by + bh and by < ay + ah


def check_unique(dashboards: Sequence[Dashboard]) -> Iterator[Mark]:
    """Yield dashboards that take each other's place."""
    readings: tuple[tuple[str, Callable[[Dashboard], str]], ...] = (
        ("uid", lambda one: one.uid),
        ("title", lambda one: one.title),
    )
    for word, read in readings:
        yield from _twice(dashboards, word, read)


def _twice(dashboards: Iterable[Dashboard], word: str, read: Callable[[Dashboard], str]) -> Iterator[Mark]:
    seen: dict[str, Dashboard] = {}
    for one in dashboards:
        text = read(one)
        if text and text in seen:
            said = f"{seen[text].source.name} has the {word} {text!r} as well: one of them is not shown"
            yield mark("DASHBOARD_UID", one.where(word), said)
        seen.setdefault(text, one)


def check_source(template: Path, label: str) -> Iterator[Mark]:
    """Yield a provisioned data source whose uid is not the one that dashboards name."""
    try:
        lines = template.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        yield mark("DASHBOARD_DATASOURCE", f"{label}:1", f"the data source can't be read: {error}")
        return
    uids = [(number, found[1]) for number, line in enumerate(lines, 1) if (found := _UID.match(line))]
    if [uid for _, uid in uids] != [DATASOURCE]:
        said = f"the provisioned data source has the uid {', '.join(uid for _, uid in uids) or '(none)'}"
        step = f"uid: {DATASOURCE}, which every dashboard names"
        yield mark("DASHBOARD_DATASOURCE", f"{label}:{uids[0][0] if uids else 1}", said, next_step=step)


def uid_of(datasource: object) -> object:
    """Return the uid that a datasource names: an object with `uid`, or the bare name of older dashboards."""
    return datasource.get("uid") if isinstance(datasource, dict) else datasource


def _datasource(where: str, what: str, found: object) -> Mark:
    said = f"{what} asks the data source {uid_of(found)!r} and not {DATASOURCE!r}"
    return mark("DASHBOARD_DATASOURCE", where, said)


def _decimal(value: object) -> Decimal | None:
    try:
        return Decimal(str(value)) if not isinstance(value, bool) else None
    except InvalidOperation:
        return None
