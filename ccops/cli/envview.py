"""What `ccops env` does and how it looks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.core.clock import SystemClock
from ccops.core.errors import ExitCode, UsageError
from ccops.core.masking import Masker
from ccops.core.output import Issue, Report
from ccops.core.profile import Project, find_project, load_profile
from ccops.profiles.check import check_envs, failing
from ccops.profiles.envfile import read_env
from ccops.profiles.known import known_keys
from ccops.profiles.live import compared, live_issues, running_settings
from ccops.profiles.view import Difference, Row, differences, rows, secrets_of
from ccops.rules.project import environments
from ccops.rules.thresholds import PREFIXES

if TYPE_CHECKING:
    from rich.console import Console

_WIDEST = 60


def check_report(env: str, folder: Path | None, *, all_envs: bool, live: bool) -> Report:
    """Return the findings of one env file, or of all of them."""
    started, project = SystemClock().now(), find_project(folder)
    if all_envs and live:
        raise UsageError(
            "USAGE",
            "--live compares one environment",
            evidence="--all-envs was given too",
            next_step="ccops env check --env NAME --live",
        )
    names = environments(project) if all_envs else (env,)
    issues = [*check_envs(project, names)]
    counts = {name: len(read_env(project, name).values) for name in names}
    looked: Sequence[str] = ()
    if live:
        profile = load_profile(env, project)
        running = asyncio.run(running_settings(profile))
        issues += live_issues(profile, running)
        looked = compared(profile, running)
    bad = failing(issues)
    issues += _unread(project, names[0]) if names else []
    return Report(
        "ccops.env.check/v1",
        {"environments": counts, "live": list(looked) if live else None},
        ExitCode.NEGATIVE if bad else ExitCode.OK,
        env="" if all_envs else env,
        issues=tuple(issues),
        started_at=started,
        text=lambda console: _print_check(console, counts, issues, looked if live else None),
    )


def diff_report(left: str, right: str, folder: Path | None) -> Report:
    """Return what differs between two env files."""
    project = find_project(folder)
    for name in (left, right):
        load_profile(name, project)  # says what is wrong with a name or a file
    files = read_env(project, left), read_env(project, right)
    known = known_keys(project, files[1])
    found = differences((left, right), (files[0].values, files[1].values), known)
    hidden = [text for file in files for text in secrets_of(file.values, known)]
    return Report(
        "ccops.env.diff/v1",
        {"left": left, "right": right, "differences": [_pair(one) for one in found]},
        ExitCode.NEGATIVE if found else ExitCode.OK,
        text=lambda console: _print_diff(console, left, right, found),
        masker=Masker(hidden),
        markdown=_markdown(left, right, found),
    )


def show_report(env: str, folder: Path | None, *, defaults: bool) -> Report:
    """Return every value of an environment with its origin."""
    project = find_project(folder)
    profile = load_profile(env, project)
    known = known_keys(project, read_env(project, env))
    found = rows(env, profile.values, known, defaults=defaults)
    return Report(
        "ccops.env.show/v1",
        {"protected": profile.protected, "values": [_one(row) for row in found]},
        env=env,
        text=lambda console: _print_rows(console, found),
        masker=Masker(secrets_of(profile.values, known)),
    )


def _unread(project: Project, env: str) -> list[Issue]:
    """Tell of thresholds in the process environment: nobody reads them there, whatever people expect."""
    known = known_keys(project, read_env(project, env))
    return [
        Issue(
            "THRESHOLD_UNREAD",
            f"{key} is set in the process environment, where no threshold is read",
            severity="note",
            next_step=f"set it in env/{env}.env, or give --set to ccops rules render",
            where="process",
        )
        for key in sorted(os.environ)
        if key.startswith(PREFIXES) and key in known.thresholds
    ]


def _print_check(
    console: Console, counts: dict[str, int], issues: Sequence[Issue], looked: Sequence[str] | None
) -> None:
    for name, keys in counts.items():
        label = f"env/{name}.env"
        mine = [one for one in failing(issues) if one.where.partition(":")[0] == label]
        state = f"{len(mine)} finding(s)" if mine else "ok"
        console.print(f"{label:<20} {keys:>3} keys  {state}", markup=False)
    if looked is not None:
        console.print(f"{len(looked)} settings compared with the running backend", markup=False)


def _print_diff(console: Console, left: str, right: str, found: Sequence[Difference]) -> None:
    if not found:
        console.print(f"{left} and {right} do not differ", markup=False)
        return
    width = max(len(one.key) for one in found)
    first = min(_WIDEST, max(len(left), *(len(_cell(one.left)) for one in found)))
    console.print(f"{'':<{width}}  {left:<{first}}  {right}", markup=False)
    for one in found:
        line = f"{one.key:<{width}}  {_cell(one.left):<{first}}  {_cell(one.right)}"
        console.print(line, markup=False)


def _cell(row: Row) -> str:
    if row.origin == "not set":
        return "(not set)"
    return f"{row.shown or '(empty)'}{' (default)' if row.origin == 'default' else ''}"


def _print_rows(console: Console, found: Sequence[Row]) -> None:
    width = max((len(row.key) for row in found), default=0)
    shown = min(_WIDEST, max((len(row.shown) for row in found), default=0))
    for row in found:
        console.print(f"{row.key:<{width}}  {row.shown:<{shown}}  {row.origin}", markup=False)


def _one(row: Row) -> dict[str, object]:
    return {
        "key": row.key,
        "owner": row.owner,
        "value": row.shown,
        "origin": row.origin,
        "secret": row.secret,
    }


def _pair(one: Difference) -> dict[str, object]:
    return {"key": one.key, "owner": one.owner, "left": _one(one.left), "right": _one(one.right)}


def _markdown(left: str, right: str, found: Sequence[Difference]) -> str:
    head = [
        f"## {left} and {right}: {len(found)} difference(s)",
        "",
        f"| Key | {left} | {right} |",
        "|---|---|---|",
    ]
    lines = [f"| {one.key} | {_escaped(one.left)} | {_escaped(one.right)} |" for one in found]
    return "\n".join([*head, *lines, ""])


def _escaped(row: Row) -> str:
    return _cell(row).replace("|", "\\|")
