"""What the migration gate found, how it looks, and its reports."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.cli import marksview
from ccops.core.errors import ExitCode, Refused
from ccops.core.output import Output, Report
from ccops.core.places import shown
from ccops.core.reports.marks import MarkReport
from ccops.core.reports.writing import check_reports, write_reports
from ccops.migrations.check import Checked, Wanted, check, project
from ccops.migrations.codes import CODES
from ccops.migrations.rebase import apply_rebase, plan_rebase
from ccops.migrations.released import lock_path, new_lock, read_lock, write_lock

if TYPE_CHECKING:
    from rich.console import Console

_BUNDLED = Path(__file__).resolve().parents[1] / "backend" / "alembic.ini"


@dataclass(frozen=True, slots=True)
class Trial:
    """What to try out on a scratch server, as it was asked for."""

    last: int = 0
    metadata: str = ""
    sizes: Path | None = None
    python: str = ""
    settings: tuple[str, ...] = ()
    timeout_s: float = 300.0


@dataclass(frozen=True, slots=True)
class CheckCall:
    """What was asked for. `config` None is the bundled backend's."""

    config: Path | None = None
    base: str = ""
    version_table: str = "alembic_version"
    run_dynamic: bool = False
    reports: tuple[str, ...] = ()
    trial: Trial | None = None


def check_report(call: CheckCall, target: tuple[str, Path | None] | None, output: Output) -> Report:
    """Check a project, and the database of `target` (environment, project folder) when there is one."""
    check_reports(call.reports, stdout_taken=output is not Output.TEXT)
    url = ""
    if target is not None:
        url = _database(*target)
    found = check(
        Wanted(call.config or _BUNDLED, call.base, url, call.version_table, run_dynamic=call.run_dynamic)
    )
    if call.trial is None:
        found = replace(found, parts=found.parts | {"scratch": "not asked (--scratch)"})
    else:
        found = _tried(found, call.trial, bundled=call.config is None)
    write_reports(call.reports, mark_report(found))
    data = {
        "config": str(found.config.path),
        "files": found.files,
        "revisions": len(found.graph.nodes),
        "heads": list(found.graph.heads),
        "parts": found.parts,
        "findings": [marksview.finding(mark) for mark in found.marks],
    }
    shown_ = (
        ()
        if output is Output.TEXT
        else tuple(marksview.issue(mark) for mark in found.marks if not mark.accepted)
    )
    quiet = any(spec.endswith("=-") for spec in call.reports)

    def draw(screen: Console) -> None:
        if not quiet:
            title = shown(found.config.path)
            marksview.draw_checked(
                screen, title, found.parts, found.marks, _outcome(found), failed=found.failed
            )

    code = ExitCode.NEGATIVE if found.failed else ExitCode.OK
    env = target[0] if target else ""
    return Report("ccops.alembic.check/v1", data, code, env=env, issues=shown_, text=draw)


def _database(env: str, project: Path | None) -> str:
    """Return the address of the environment's PostgreSQL. Raises Unreachable when it has none."""
    from ccops.cli.options import profile_of
    from ccops.clients.target import target

    return target(profile_of(env, project), "postgres")


def _tried(found: Checked, trial: Trial, *, bundled: bool) -> Checked:
    """Return the check with what a scratch server adds to it."""
    import sys

    from ccops.migrations.scratch.look import BUNDLED_METADATA, BUNDLED_SETTINGS, ScratchCall, look
    from ccops.stack.request import parse_settings

    settings = (BUNDLED_SETTINGS if bundled else {}) | parse_settings(trial.settings)
    metadata = trial.metadata or (BUNDLED_METADATA if bundled else "")
    tried = look(
        found,
        ScratchCall(
            trial.last, metadata, trial.sizes, trial.python or sys.executable, settings, trial.timeout_s
        ),
    )
    return replace(found, marks=(*found.marks, *tried.marks), parts=found.parts | dict(tried.parts))


def write_sizes(out: Path, env: str, project: Path | None) -> None:
    """Write the sizes of the environment's tables."""
    from ccops.core.reports.files import check_writable, write_text
    from ccops.migrations.scratch.sizes import measure_sizes, sizes_text

    if str(out) != "-":
        check_writable(out.resolve())
    sizes = measure_sizes(_database(env, project))
    write_text(str(out), sizes_text(sizes))


def mark_report(found: Checked) -> MarkReport:
    """Return the findings for other programs; every revision without one counts as checked."""
    named = {mark.subject for mark in found.marks if not mark.accepted}
    fine = tuple(ident for ident in found.graph.nodes if ident not in named)
    broken = "" if found.graph.nodes else "no revision was looked at"
    return MarkReport(
        "ccops alembic check", found.marks, fine, rules=CODES, summary=_outcome(found), broken=broken
    )


def _outcome(found: Checked) -> str:
    still = [mark for mark in found.marks if not mark.accepted]
    errors = sum(mark.severity == "error" for mark in still)
    warnings = len(still) - errors
    return f"{'FAIL' if found.failed else 'OK'} {errors} errors, {warnings} warnings in {found.files} files"


def rebase_report(config: Path | None, revision: str, onto: str, *, apply: bool) -> Report:
    """Show, or write, the edit that lets `revision` follow `onto`."""
    found, _, graph = project(config or _BUNDLED)
    plan = plan_rebase(graph, revision, onto, read_lock(lock_path(found)))
    if apply:
        apply_rebase(plan)
    name = shown(plan.path)
    patch = "".join(
        difflib.unified_diff(
            plan.before.decode("utf-8", "replace").splitlines(keepends=True),
            plan.after.decode("utf-8", "replace").splitlines(keepends=True),
            f"a/{name}", f"b/{name}",
        )
    )  # fmt: skip

    def draw(screen: Console) -> None:
        screen.print(patch.rstrip("\n"), markup=False, soft_wrap=True)
        screen.print("written" if apply else "nothing changed; --apply writes it", markup=False)

    data = {"file": name, "revision": revision, "onto": onto, "patch": patch, "applied": apply}
    return Report("ccops.alembic.rebase/v1", data, text=draw)


def release_report(config: Path | None, *, apply: bool) -> Report:
    """Hold the digests of all revisions. Raises Refused while the project has errors."""
    found = check(Wanted(config or _BUNDLED))
    if found.failed:
        first = next(mark for mark in found.marks if mark.severity == "error")
        raise Refused(
            "ALEMBIC_RELEASE",
            "migrations with errors are not released",
            evidence=f"{first.code}: {first.message}",
            next_step="ccops alembic check",
        )
    path = lock_path(found.config)
    old = read_lock(path)
    new = [node for ident, node in found.graph.nodes.items() if ident not in old]
    if apply and new:
        write_lock(path, new_lock(old, new))

    def draw(screen: Console) -> None:
        for node in new:
            screen.print(f"+ {node.id}  {shown(node.path)}", markup=False, soft_wrap=True)
        state = ("written" if apply else "nothing changed; --apply writes it") if new else "nothing is new"
        screen.print(f"{len(old)} held, {len(new)} more in {shown(path)}: {state}", markup=False)

    data = {
        "lock": shown(path),
        "held": len(old),
        "new": [node.id for node in new],
        "applied": bool(apply and new),
    }
    return Report("ccops.alembic.release/v1", data, text=draw)
