"""ccops alembic: the migration gate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccops.cli.options import EnvOption, OutputOption, ProjectOption, ReportOption, finish
from ccops.cli.options import app as new_app
from ccops.core.output import Output

app = new_app(
    """Hold an Alembic project to what a deployment needs, without importing a migration.

    ccops alembic check                       one head, no missing parent, nothing released was edited
    ccops alembic check --db                  and where the database of this environment stands
    ccops alembic check --config alembic.ini --report sarif=migrations.sarif
    ccops alembic lint                        what new migrations would destroy or block
    ccops alembic rehearse                    up, a journey, down and up again, on a stack of its own
    ccops alembic rebase 4f2a --onto 9c1d     what moving a branch would change

    Exit codes: 0 fine, 1 findings or nothing looked at, 2 usage, 3 refused, 4 unreachable.
    """
)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="alembic.ini or pyproject.toml; default: the bundled backend's.",
        show_default=False,
    ),
]  # fmt: skip
BaseOption = Annotated[
    str, typer.Option("--base", metavar="REF", help="The branch to merge into; default: origin's.")
]
DynamicOption = Annotated[
    bool, typer.Option("--run-dynamic", help="Let files with computed ids run, in a process of their own.")
]


SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A variable its modules need; repeat.")
]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=1, help="Seconds for the migrations.")]


@app.callback()
def alembic() -> None:
    """Check, move, release migrations."""


@app.command()
def check(
    config: ConfigOption = None,
    base: BaseOption = "",
    db: Annotated[bool, typer.Option("--db", help="Ask the environment's database as well.")] = False,
    version_table: Annotated[
        str, typer.Option("--version-table", metavar="[SCHEMA.]TABLE")
    ] = "alembic_version",
    run_dynamic: DynamicOption = False,
    scratch: Annotated[
        bool, typer.Option("--scratch", help="Try it out on a PostgreSQL of our own: drift, way back, locks.")
    ] = False,
    last: Annotated[
        int, typer.Option("--last", min=0, help="Try the newest N; 0: what is not released.")
    ] = 0,
    metadata: Annotated[str, typer.Option("--metadata", metavar="MODULE:NAME", help="The models.")] = "",
    sizes: Annotated[
        Path | None,
        typer.Option("--sizes", help="Table sizes, for how long locks block.", show_default=False),
    ] = None,
    python: Annotated[
        str, typer.Option("--python", help="The project's interpreter.", show_default=False)
    ] = "",
    setting: SetOption = None,
    timeout: TimeoutOption = 300.0,
    report: ReportOption = None,
    env: EnvOption = "dev",
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Read the graph of revisions and say what is wrong with it; no migration runs without --scratch.

    ccops alembic check
    ccops alembic check --config alembic.ini --base origin/main
    ccops alembic check --db --env staging
    ccops alembic check --scratch --sizes prod-sizes.json

    Two heads are explained: where they part, who added what, which tables both touch, and one command.

    Exit codes: 0 one sound graph, 1 findings or nothing looked at, 2 usage, 4 the database is away.
    """
    from ccops.cli.alembicview import CheckCall, Trial, check_report

    tried = Trial(last, metadata, sizes, python, tuple(setting or ()), timeout) if scratch else None
    call = CheckCall(config, base, version_table, run_dynamic, tuple(report or ()), tried)
    finish(check_report(call, (env, project) if db else None, output), output)


@app.command()
def lint(
    since: Annotated[
        str, typer.Option("--since", metavar="REF", help="Only what REF has not; default: unreleased.")
    ] = "",
    config: ConfigOption = None,
    static: Annotated[
        bool, typer.Option("--static", help="Run nothing, not even to render SQL for squawk.")
    ] = False,
    python: Annotated[
        str, typer.Option("--python", help="The project's interpreter, for squawk.", show_default=False)
    ] = "",
    setting: SetOption = None,
    timeout: TimeoutOption = 300.0,
    report: ReportOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Say what new migrations would destroy or block; nothing runs, except to render SQL for squawk.

    ccops alembic lint
    ccops alembic lint --since origin/main --report sarif=lint.sarif
    ccops alembic lint --static

    A comment allows one finding: # ccops: allow=CODE reason=.. until=2027-01-31
    The last step of a plan names its first, which must be released: # ccops: contract-of=REVISION

    Exit codes: 0 no open error, 1 findings, 2 usage.
    """
    from ccops.cli.alembiclint import Asked, lint_report

    asked = Asked(config, since, static, python, tuple(setting or ()), tuple(report or ()), timeout)
    finish(lint_report(asked, output), output)


@app.command()
def rehearse(
    dump: Annotated[
        Path | None,
        typer.Option("--dump", exists=True, dir_okay=False, help="Begin with this dump.", show_default=False),
    ] = None,
    start: Annotated[str, typer.Option("--from", metavar="REV", help="Begin here; default: released.")] = "",
    seed: Annotated[str, typer.Option("--seed", metavar="demo|none", help="Data of the stack.")] = "demo",
    twice: Annotated[bool, typer.Option("--twice", help="Walk the journey again at the end.")] = False,
    timeout: TimeoutOption = 600.0,
    env: EnvOption = "dev",
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Rehearse the migrations on a stack of its own: up, a journey, down, up again; it is gone afterwards.

    ccops alembic rehearse
    ccops alembic rehearse --dump casino.dump --twice
    ccops alembic rehearse --from 0003 -o json

    The dump is plain SQL or of pg_dump -Fc, and is restored into a database of our own. A plain one is a
    script: only of whom you trust. Settings of the backend are those of --env, targets are never taken.

    Exit codes: 0 every step went well, 1 one failed, 2 usage, 3 refused, 130 interrupted.
    """
    from ccops.cli.alembicrehearse import Asked, rehearse_report

    asked = Asked(dump, start, seed, twice, timeout)
    finish(rehearse_report(asked, env, project, output), output)


@app.command()
def rebase(
    revision: Annotated[str, typer.Argument(metavar="REVISION", help="The first of those to move.")],
    onto: Annotated[str, typer.Option("--onto", metavar="HEAD", help="What it shall follow.")],
    config: ConfigOption = None,
    apply: Annotated[bool, typer.Option("--apply", help="Write it; else the edit is only shown.")] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Let a migration follow another one: its down_revision and its docstring, nothing else.

    ccops alembic rebase 4f2a --onto 9c1d
    ccops alembic rebase 4f2a --onto 9c1d --apply

    Only for what no database has run yet: `ccops alembic check --db` says whether one has.

    Exit codes: 0 shown or written, 2 usage, 3 refused.
    """
    from ccops.cli.alembicview import rebase_report

    finish(rebase_report(config, revision, onto, apply=apply), output)


@app.command()
def release(
    config: ConfigOption = None,
    apply: Annotated[bool, typer.Option("--apply", help="Write released.lock.")] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Hold the migrations that are there now: from here on, an edit of one is a finding.

    ccops alembic release
    ccops alembic release --apply

    Refused while the graph has findings, or one that is already held was edited.

    Exit codes: 0 shown or written, 2 usage, 3 refused.
    """
    from ccops.cli.alembicview import release_report

    finish(release_report(config, apply=apply), output)


@app.command()
def sizes(
    out: Annotated[Path, typer.Option("--out", help="- is the standard output.")] = Path("-"),
    env: EnvOption = "dev",
    project: ProjectOption = None,
) -> None:
    """Write how large the tables of a database are, for `check --sizes`; read only.

    ccops alembic sizes --env prod --out prod-sizes.json

    Exit codes: 0 written, 2 usage, 4 unreachable.
    """
    from ccops.cli.alembicview import write_sizes

    write_sizes(out, env, project)
