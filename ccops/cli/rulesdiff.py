"""ccops rules diff: two environments, two commits, or the files and the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ccops.cli.options import OutputOption, ProjectOption, finish, profile_of
from ccops.core.errors import ExitCode, UsageError
from ccops.core.output import Output, Report

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from ccops.rules.diff import Change, Difference
    from ccops.rules.sides import Side


def register(app: typer.Typer) -> None:
    """Add the command to `ccops rules`."""
    app.command("diff")(diff)


def diff(
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env", envvar="CCOPS_ENV", help="Environment; twice compares two.", show_default="dev"
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="GITREF|URL", help="A commit, or a Prometheus.", show_default=False
        ),
    ] = None,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what differs between two rule sets, by rule and by field; layout is no difference.

    ccops rules diff --env staging --env prod
    ccops rules diff --env prod --against origin/main
    ccops rules diff --env dev --against http://127.0.0.1:9090

    The left side is the first environment, the commit, or the server; the right side what the files say.

    Exit codes: 0 no difference, 1 differences, 2 usage, 4 the server did not answer.
    """
    finish(_report(tuple(env or ("dev",)), against, project), output)


def _report(envs: tuple[str, ...], against: str | None, project: Path | None) -> Report:
    from ccops.rules.diff import compare

    left, right = _sides(envs, against, project)
    found = compare(left.rules, right.rules)
    return Report(
        "ccops.rules.diff/v1",
        {
            "left": left.name,
            "right": right.name,
            "ignored_groups": left.ignored,
            "rules": len(right.rules),
            "differences": [_data(one) for one in found],
        },
        ExitCode.NEGATIVE if found else ExitCode.OK,
        env=envs[-1],
        text=lambda console: _print(console, left, right, found),
        markdown=_markdown(left, right, found),
    )


def _sides(envs: tuple[str, ...], against: str | None, project: Path | None) -> tuple[Side, Side]:
    from ccops.rules.sides import is_address, of_git, of_profile, of_server

    if against is not None and not against.strip():
        raise UsageError(
            "AGAINST_EMPTY",
            "--against names nothing",
            evidence="an empty text, usually of a variable that is not set",
            next_step="--against origin/main",
        )
    if len(envs) != (2 if against is None else 1):
        raise UsageError(
            "SIDE_MISSING",
            "a comparison has two sides",
            evidence=f"--env {' '.join(envs)}" + ("" if against is None else f", --against {against}"),
            next_step="--env A --env B, or --env A --against GITREF or URL",
        )
    profile = profile_of(envs[-1], project)
    right = of_profile(profile)
    if against is None:
        return of_profile(profile_of(envs[0], project)), right
    if is_address(against):
        return of_server(against, right.rules), right
    return of_git(profile, against), right


def _print(console: Console, left: Side, right: Side, found: tuple[Difference, ...]) -> None:
    for one in found:
        console.print(f"{one.sign} {one.where}", markup=False)
        for change in one.changes:
            for line in _lines(change):
                console.print(f"    {line}", markup=False)
    said = f"{len(found)} difference(s)" if found else "no difference"
    console.print(f"{left.name} -> {right.name}: {said}, {len(right.rules)} rules", markup=False)
    if left.ignored:
        console.print(
            f"{left.ignored} group(s) of other rule files on the server were left out", markup=False
        )


def _lines(change: Change) -> list[str]:
    """Return one line for a short change; for a long one only the lines that differ."""
    import difflib

    if "\n" not in change.left + change.right and len(change.left) + len(change.right) < 70:
        return [f"{change.field}: {change.left} -> {change.right}"]
    sides = change.left.splitlines(), change.right.splitlines()
    changed = [line for line in difflib.ndiff(*sides) if line[0] in "+-"]
    return [f"{change.field}:", *(f"  {line}" for line in changed)]


def _data(one: Difference) -> dict[str, object]:
    sign = {"+": "added", "-": "removed", "~": "changed"}[one.sign]
    changes = [{"field": item.field, "left": item.left, "right": item.right} for item in one.changes]
    return {"kind": sign, "group": one.group, "name": one.name or None, "changes": changes}


def _markdown(left: Side, right: Side, found: tuple[Difference, ...]) -> str:
    lines = [f"## Rules: {left.name} -> {right.name}", "", f"{len(found)} difference(s)", ""]
    for one in found:
        lines += ["```diff", f"{one.sign.replace('~', ' ')} {one.where}"]
        for change in one.changes:
            lines += [f"- {change.field}: {line}" for line in change.left.splitlines()]
            lines += [f"+ {change.field}: {line}" for line in change.right.splitlines()]
        lines += ["```", ""]
    return "\n".join(lines)
