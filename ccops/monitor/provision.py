"""`ccops monitor provision`: the files that Grafana reads at its start, planned, compared and written."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ccops.clients.guard import password_of
from ccops.core.errors import CcopsError, ExitCode, UsageError
from ccops.core.profile import Profile
from ccops.monitor.check import Checked, check_templates
from ccops.monitor.dashboards import FOLDER
from ccops.rules.project import rule_set, templates_of
from ccops.rules.server import KEY
from ccops.rules.templating import render_text
from ccops.rules.writing import STAMP, compare, write_all

DASHBOARDS = "dashboards/ccops"
_SOURCES = {"datasources/ccops.yml": "datasource.yml.j2", "dashboards/ccops.yml": "provider.yml.j2"}
_OUR_SCRAPE, _USUAL_SCRAPE = "1s", "15s"


@dataclass(frozen=True, slots=True)
class Place:
    """Where files go, and under which name Grafana finds that folder (empty: the same)."""

    out: Path
    mounted: str = ""
    prometheus_url: str = ""
    scrape_interval: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One file of the plan: `created`, `changed`, `stale` (ours, and made no longer) or `same`."""

    name: str
    what: str
    diff: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What writing would do. `checked` is the verdict on the dashboards, which are written only when good."""

    place: Place
    texts: Mapping[str, str]
    changes: tuple[Change, ...]
    checked: Checked
    applied: bool = False

    @property
    def pending(self) -> tuple[Change, ...]:
        """Return the changes that are to be made."""
        return tuple(one for one in self.changes if one.what != "same")


def plan(profile: Profile, place: Place) -> Plan:
    """Return what is to be written for `profile`. Raises UsageError for what can't be rendered."""
    rules = rule_set(profile)
    checked = check_templates(rules)
    texts = {
        f"{DASHBOARDS}/{one.source.name}": json.dumps(one.plain, indent=2, ensure_ascii=False) + "\n"
        for one in checked.dashboards
    } | _provisioning(profile, place)
    return Plan(place, texts, tuple(_changes(place.out, texts)), checked)


def apply(made: Plan) -> Plan:
    """Write the plan: every file is on disk before the first one is replaced. Raises UsageError.

    Dashboards with findings are not written: what is there stays.
    """
    if made.checked.marks:
        raise CcopsError(
            "DASHBOARDS_BROKEN",
            f"the dashboards have {len(made.checked.marks)} finding(s), so nothing was written",
            evidence="\n".join(f"{one.file}:{one.line}: {one.code}" for one in made.checked.marks[:5]),
            next_step="ccops monitor check",
            exit_code=ExitCode.NEGATIVE,
        )
    out = made.place.out
    folders: dict[Path, dict[str, str]] = {}
    for name, text in made.texts.items():
        folders.setdefault((out / name).parent, {})[Path(name).name] = text
    write_all(folders)
    for change in made.changes:
        if change.what == "stale":
            with suppress(FileNotFoundError):
                (out / change.name).unlink()
    return Plan(made.place, made.texts, made.changes, made.checked, applied=True)


def _provisioning(profile: Profile, place: Place) -> dict[str, str]:
    root = PurePosixPath(place.mounted or place.out.resolve().as_posix())
    usual = _OUR_SCRAPE if profile.ours else _USUAL_SCRAPE
    context = {
        "prometheus_url": _url(profile, place),
        "dashboards_path": str(root / DASHBOARDS),
        "scrape_interval": place.scrape_interval or usual,
    }
    folder = templates_of(profile.project)
    header = f"{STAMP}{profile.env} by ccops monitor provision; edit rules_templates/dashboards/.\n"
    return {
        name: render_text(folder, f"{FOLDER}/provisioning/{source}", context, header=lambda _: header).text
        for name, source in _SOURCES.items()
    }


def _url(profile: Profile, place: Place) -> str:
    url = place.prometheus_url or profile.get(KEY)
    if url.startswith(("http://", "https://")) and not password_of(url):
        return url.rstrip("/")
    secret = bool(password_of(url))
    raise UsageError(
        "PROVISION_URL",
        "the address of Prometheus holds a password" if secret else "the address of Prometheus is not known",
        evidence="the file would hold it in plain text"
        if secret
        else f"{KEY} of {profile.env}: {url or 'not set'}",
        next_step="--prometheus-url http://prometheus:9090, as Grafana reaches it",
    )


def _changes(out: Path, texts: Mapping[str, str]) -> list[Change]:
    found: list[Change] = []
    for folder in sorted({str(PurePosixPath(name).parent) for name in texts}):
        inside = {
            PurePosixPath(n).name: t for n, t in texts.items() if str(PurePosixPath(n).parent) == folder
        }
        there = compare(out / folder, inside)
        found += [
            Change(f"{folder}/{name}", "created", _diff("", inside[name], name)) for name in there.created
        ]
        found += [
            Change(f"{folder}/{name}", "changed", _diff(_read(out / folder / name), inside[name], name))
            for name in there.changed
        ]
        found += [Change(f"{folder}/{name}", "same") for name in there.same]
    names = {Path(name).name for name in texts}
    found += [
        Change(f"{DASHBOARDS}/{path.name}", "stale")
        for path in sorted((out / DASHBOARDS).glob("*.json"))
        if path.name not in names and _ours(path)
    ]
    return found


def _ours(path: Path) -> bool:
    """Return whether we made a dashboard once: somebody may have put others beside ours."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    tags = plain.get("tags") if isinstance(plain, dict) else None
    return isinstance(tags, list) and "ccops" in tags


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _diff(old: str, new: str, name: str) -> str:
    lines = difflib.unified_diff(old.splitlines(True), new.splitlines(True), f"a/{name}", f"b/{name}", n=1)
    return "".join(lines)
