"""ccops init: a project folder of one's own, with a first profile for a stack that is not ours."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ccops.cli.options import OutputOption, finish
from ccops.cli.options import app as new_app
from ccops.core.output import Output, Report

if TYPE_CHECKING:
    from rich.console import Console

    from ccops.profiles.newproject import Plan

app = new_app("Lay out a project folder with a first profile for a stack of yours.")

_TARGET = "Target"


def _url(option: str, what: str) -> object:
    """Return the option of one system's address."""
    return typer.Option(option, help=f"{what}, without a password.", rich_help_panel=_TARGET)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder; it may be there already.")],
    env: Annotated[str, typer.Option("--env", help="The first profile: env/NAME.env.")] = "own",
    backend_url: Annotated[str, _url("--backend-url", "The backend")] = "",
    worker_url: Annotated[str, _url("--worker-url", "The worker's /metrics")] = "",
    database_url: Annotated[str, _url("--database-url", "PostgreSQL")] = "",
    redis_url: Annotated[str, _url("--redis-url", "Redis")] = "",
    kafka_bootstrap: Annotated[str, _url("--kafka-bootstrap", "Kafka, HOST:PORT")] = "",
    clickhouse_url: Annotated[str, _url("--clickhouse-url", "ClickHouse")] = "",
    prometheus_url: Annotated[str, _url("--prometheus-url", "Prometheus")] = "",
    alertmanager_url: Annotated[str, _url("--alertmanager-url", "Alertmanager")] = "",
    from_env: Annotated[
        list[str] | None,
        typer.Option(
            "--from-env",
            metavar="KEY",
            help="This key stays in the process environment (it holds a secret); repeat it.",
            rich_help_panel=_TARGET,
        ),
    ] = None,
    protected: Annotated[
        bool, typer.Option("--protected", help="Nothing is changed there without a plan and a confirmation.")
    ] = False,
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing, on a terminal either.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written.")] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Lay out a project: rule templates, scenarios, env files, compose files, and a first profile.

    ccops init shop-ops
    ccops init . --env stage2 --backend-url https://game.example --from-env CCOPS_DATABASE_URL
    ccops init shop-ops --dry-run -o json

    On a terminal it asks for each address that is not given. Nothing that is there is ever overwritten: the
    same bytes are left alone, others are listed and nothing is written. A password is in no option and no
    file: --from-env says in which variable commands will find it.

    Exit codes: 0 written (or all there), 2 usage, 3 refused: files are there and differ, or it can't write.
    """
    from ccops.profiles.firstprofile import First
    from ccops.profiles.newproject import carried_out, planned

    given = {
        "CCOPS_BACKEND_URL": backend_url,
        "CCOPS_WORKER_URL": worker_url,
        "CCOPS_DATABASE_URL": database_url,
        "CCOPS_REDIS_URL": redis_url,
        "CCOPS_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "CCOPS_CLICKHOUSE_URL": clickhouse_url,
        "CCOPS_PROMETHEUS_URL": prometheus_url,
        "CCOPS_ALERTMANAGER_URL": alertmanager_url,
    }
    targets = {key: text for key, text in given.items() if text}
    left = tuple(dict.fromkeys(from_env or ()))
    if sys.stdin.isatty() and not no_input:
        targets |= _asked([key for key in given if key not in targets and key not in left])
    plan = planned(folder, First(env, protected, targets, left))
    if not dry_run:
        carried_out(plan)
    finish(_report(plan, left, dry_run), output)


def _asked(keys: list[str]) -> dict[str, str]:
    """Ask for the address of each of `keys`; an empty answer leaves it out. Questions go to stderr."""
    from ccops.profiles.firstprofile import TARGETS, wrong

    found: dict[str, str] = {}
    for key in keys:
        while True:
            sys.stderr.write(f"{TARGETS[key]} (empty: none): ")
            sys.stderr.flush()
            text = sys.stdin.readline().strip()
            why = wrong(key, text) if text else ""
            if not why:
                break
            sys.stderr.write(f"  {key} {why}\n")
        if text:
            found[key] = text
    return found


def _report(plan: Plan, left: tuple[str, ...], dry_run: bool) -> Report:
    unset = [key for key in left if not os.environ.get(key)]
    data = {
        "folder": str(plan.folder),
        "profile": plan.profile,
        "dry_run": dry_run,
        "changed": bool(plan.create) and not dry_run,
        "created": list(plan.create),
        "same": list(plan.same),
        "from_env": list(left),
        "not_set": unset,
    }
    return Report(
        "ccops.init/v1", data, env=plan.env, text=lambda console: _print(console, plan, unset, dry_run)
    )


def _print(console: Console, plan: Plan, unset: list[str], dry_run: bool) -> None:
    if dry_run or not plan.create:
        word = "would be written" if plan.create else "to write: all is there"
        console.print(
            f"{plan.folder}: {len(plan.create)} file(s) {word}, {len(plan.same)} the same", markup=False
        )
        for name in plan.create:
            console.print(f"  create {name}", markup=False)
    else:
        console.print(
            f"{plan.folder}: {len(plan.create)} file(s) written, {len(plan.same)} the same", markup=False
        )
    for key in unset:
        console.print(f"  not set in this shell: {key}", markup=False)
    where = "" if plan.folder == Path.cwd() else f" --project {plan.folder}"
    console.print(f"next: ccops env check --env {plan.env}{where}", markup=False)
