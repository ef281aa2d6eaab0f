"""ccops rules tune: retune thresholds from what a server remembers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccops.cli.options import EnvOption, OutputOption, ProjectOption, finish, profile_of
from ccops.core.output import Output

RuleOption = Annotated[
    list[str] | None, typer.Option("--rule", metavar="NAME", help="This alert; repeatable.")
]
PromOption = Annotated[str, typer.Option("--prom", metavar="URL", help="None: CCOPS_PROMETHEUS_URL.")]
FileOption = Path | None


def register(app: typer.Typer) -> None:
    """Add the command to `ccops rules`."""
    app.command("tune")(tune)


def tune(
    env: EnvOption = "dev",
    rule: RuleOption = None,
    every: Annotated[bool, typer.Option("--all", help="Every alert that has a threshold.")] = False,
    prom: PromOption = "",
    since: Annotated[str, typer.Option("--since", help="How far back to look.")] = "14d",
    step: Annotated[str, typer.Option("--step", help="Distance of evaluations; auto: the group's.")] = "auto",
    pages: Annotated[
        float | None,
        typer.Option(
            "--max-pages-per-week", help="None: critical 1, warning 3, info 7.", min=0, show_default=False
        ),
    ] = None,
    keep: Annotated[
        FileOption, typer.Option("--keep-incidents", metavar="FILE", help="Intervals that must ring.")
    ] = None,
    exclude: Annotated[
        FileOption, typer.Option("--exclude", metavar="FILE", help="Maintenance, which need not.")
    ] = None,
    exclude_silences: Annotated[
        bool, typer.Option("--exclude-silences", help="And what Alertmanager had silenced.")
    ] = False,
    guard: Annotated[float, typer.Option("--guard", help="Distance from the noise.", min=1, max=10)] = 1.2,
    from_json: Annotated[
        FileOption, typer.Option("--from-json", metavar="FILE", help="A saved history instead of a server.")
    ] = None,
    save: Annotated[
        FileOption, typer.Option("--save", metavar="FILE", help="Keep the history for --from-json.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Edit env/NAME.env.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also move by more than the double.")] = False,
    confirm: Annotated[
        str, typer.Option("--confirm", metavar="ENV:RULE", help="On a protected profile.")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why; stands in the file.")] = "",
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Replay a rule over history with many thresholds and find where it does not matter which.

    ccops rules tune --rule PurchasePendingSpike --env staging
    ccops rules tune --all --env staging --since 28d --exclude-silences
    ccops rules tune --rule PurchasePendingSpike --keep-incidents incidents.yml --write

    Stays where the threshold stands on the widest plateau already. See docs/tuning.md.

    Exit codes: 0 judged, 1 too little data or nothing to propose, 2 usage, 3 refused, 4 unreachable.
    """
    from ccops.cli.tunecall import TuneOptions
    from ccops.cli.tuneview import tune_report

    options = TuneOptions(
        rules=tuple(rule or ()), every=every, prom=prom, since=since, step=step, pages=pages, keep=keep,
        exclude=exclude, exclude_silences=exclude_silences, guard=guard, from_json=from_json, save=save,
        write=write, force=force, confirm=confirm, reason=reason,
    )  # fmt: skip
    finish(tune_report(profile_of(env, project), options), output)
