"""ccops data: prove that the stores hold what the contract says."""

from __future__ import annotations

from typing import Annotated

import typer

from ccops.cli.options import EnvOption, OutputOption, ProjectOption, finish, profile_of
from ccops.cli.options import app as new_app
from ccops.core.output import Output

app = new_app(
    """Prove that what the stores hold is what the contract says; nothing is changed.

    ccops data check                  every invariant, index and constraint
    ccops data check --clickhouse     and the keys of the ClickHouse tables

    Exit codes: 0 all hold, 1 offenders or something missing, 2 usage, 4 a store could not be asked.
    """
)


@app.callback()
def data() -> None:
    """Look at data (a group even while it has one command only)."""


@app.command()
def check(
    env: EnvOption = "dev",
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="Only this check; repeat it.")
    ] = None,
    clickhouse: Annotated[bool, typer.Option("--clickhouse", help="Also the ClickHouse tables.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds for one query.", min=0.1)] = 30.0,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Run every invariant of the contract in one snapshot and compare the schema, by name.

    ccops data check
    ccops data check --only wallet_is_sum_of_ledger -o json
    ccops data check --env prod --clickhouse

    Exit codes: 0 all hold, 1 offenders or something missing, 2 usage, 4 a store could not be asked.
    """
    from ccops.cli.dataview import data_report
    from ccops.data.check import Wanted, check_data

    profile = profile_of(env, project)
    wanted = Wanted(tuple(only or ()), clickhouse, timeout)
    finish(data_report(env, lambda: check_data(profile, wanted)), output)
