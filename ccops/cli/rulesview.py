"""What `ccops rules render` does and says. Writes text itself: rich would be half of its time."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ccops.core.errors import ExitCode, UsageError
from ccops.core.output import Issue, Output, Report
from ccops.core.profile import find_project
from ccops.rules.project import Options, RuleSet, environments, rule_sets
from ccops.rules.scaling import parse_scale
from ccops.rules.writing import Changes, compare, write_all


@dataclass(frozen=True, slots=True)
class RenderCall:
    """The options of one `ccops rules render`."""

    env: str
    all_envs: bool = False
    out: Path | None = None
    check: bool = False
    sets: tuple[str, ...] = ()
    time_scale: str = "1"
    project: Path | None = None


def render_report(call: RenderCall, output: Output) -> Report:
    """Render, write or compare as the call says, and return what came of it."""
    if call.check and call.out is None:
        raise UsageError(
            "USAGE",
            "--check compares with a folder",
            evidence="--out is missing",
            next_step="--out DIR --check",
        )
    project = find_project(call.project)
    names = environments(project) if call.all_envs else (call.env,)
    sets = rule_sets(project, names, Options(parse_sets(call.sets), parse_scale(call.time_scale)))
    changes = _placed(call, sets)
    differs = call.check and not all(one.none for one in changes)
    if output is Output.TEXT:
        sys.stdout.write("\n".join(_lines(call, sets, changes)) + "\n")
    return Report(
        "ccops.rules.render/v1",
        {"environments": [_data(one) for one in sets], "folders": [_changes(one) for one in changes]},
        ExitCode.NEGATIVE if differs else ExitCode.OK,
        env="" if call.all_envs else call.env,
        issues=tuple(_notes(sets)) + (tuple(_stale(changes)) if differs else ()),
    )


def parse_sets(texts: Sequence[str]) -> dict[str, str]:
    """Return `--set NAME=VALUE` by name. Raises UsageError for another form and for a name given twice."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or name in found:
            why = "is there twice" if name in found else "is no NAME=VALUE"
            raise UsageError(
                "SETTING_INVALID", f"--set {name} {why}", next_step="--set ALERT_PENDING_SPIKE_THRESHOLD=25"
            )
        found[name] = value
    return found


def _placed(call: RenderCall, sets: Sequence[RuleSet]) -> tuple[Changes, ...]:
    if call.out is None:
        return ()
    folders = {
        (call.out / one.rendered.env if call.all_envs else call.out): {
            file.name: file.text for file in one.rendered.files
        }
        for one in sets
    }
    if call.check:
        return tuple(compare(folder, texts) for folder, texts in folders.items())
    return write_all(folders)


def _lines(call: RenderCall, sets: Sequence[RuleSet], changes: Sequence[Changes]) -> list[str]:
    lines = []
    for one in sets:
        inventory = one.rendered.inventory
        lines.append(
            f"{one.rendered.env}: {len(inventory.groups)} groups, {len(inventory.alerts)} alerts, "
            f"{len(inventory.recordings)} recordings in {len(one.rendered.files)} files"
        )
        width = max(map(len, one.resolved.values), default=0)
        for name in one.resolved.values:
            unit = one.resolved.thresholds[name].unit
            lines.append(
                f"  {name:<{width}}  {one.resolved.text(name):>8}  {one.resolved.origins[name]:<20}  {unit}"
            )
    return [*lines, *(f"{change.folder}: {_said(change, call.check)}" for change in changes)]


def _said(change: Changes, check: bool) -> str:
    if change.none:
        return f"{len(change.same)} files, nothing differs"
    words = ("missing", "differ", "no longer made") if check else ("written", "rewritten", "removed")
    groups = zip((change.created, change.changed, change.stale), words, strict=True)
    return ", ".join(f"{len(names)} {word}" for names, word in groups if names)


def _data(one: RuleSet) -> dict[str, object]:
    inventory = one.rendered.inventory
    return {
        "env": one.rendered.env,
        "thresholds": [
            {
                "name": name,
                "value": one.resolved.text(name),
                "unit": one.resolved.thresholds[name].unit,
                "origin": one.resolved.origins[name],
            }
            for name in one.resolved.values
        ],
        "groups": [{"file": file, "name": name} for file, name in inventory.groups],
        "alerts": list(inventory.alerts),
        "recordings": list(inventory.recordings),
        "files": [file.name for file in one.rendered.files],
    }


def _changes(change: Changes) -> dict[str, object]:
    return {
        "folder": str(change.folder),
        "created": list(change.created),
        "changed": list(change.changed),
        "stale": list(change.stale),
        "same": list(change.same),
    }


def _stale(changes: Sequence[Changes]) -> list[Issue]:
    return [
        Issue(
            "RULES_STALE",
            f"{change.folder} is not what the templates say",
            evidence="\n".join((*change.created, *change.changed, *change.stale)),
            next_step="the same call without --check writes it",
        )
        for change in changes
        if not change.none
    ]


def _notes(sets: Sequence[RuleSet]) -> list[Issue]:
    unread = sorted({name for one in sets for name in one.resolved.unread})
    return (
        [
            Issue(
                "THRESHOLD_UNREAD",
                f"{len(unread)} threshold(s) stand in the process environment, where nobody reads them",
                severity="note",
                evidence=", ".join(unread),
                next_step="--set NAME=VALUE for one call, env/NAME.env for good",
            )
        ]
        if unread
        else []
    )
