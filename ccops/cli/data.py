"""ccops data: prove that the stores hold what the contract says."""

from __future__ import annotations

from typing import Annotated

import typer

from ccops.cli.options import EnvOption, OutputOption, ProjectOption, finish, profile_of
from ccops.cli.options import app as new_app
from ccops.core.output import Output

app = new_app(
    """Prove that what the stores hold is what the contract says; nothing is changed unless --apply says so.

    ccops data check                  every invariant, index and constraint
    ccops data check --clickhouse     and the keys of the ClickHouse tables
    ccops data reconcile --last 10m   the same events in PostgreSQL, Kafka and ClickHouse

    Exit codes: 0 all hold, 1 offenders or something missing, 2 usage, 4 a store could not be asked.
    """
)


@app.callback()
def data() -> None:
    """Look at data."""


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


@app.command()
def reconcile(
    env: EnvOption = "dev",
    since: Annotated[str, typer.Option("--since", help="Beginning, ISO 8601 with a zone.")] = "",
    until: Annotated[str, typer.Option("--until", help="End; none: now less --settle.")] = "",
    last: Annotated[str, typer.Option("--last", help="Instead of --since: 10m, 24h.")] = "",
    settle: Annotated[str, typer.Option("--settle", help="Younger events may be late.")] = "10s",
    max_loss: Annotated[str, typer.Option("--max-loss", help="Share that may be lost: 0.5%.")] = "0",
    by: Annotated[str, typer.Option("--by", help="Break down by action_type, type, ...")] = "",
    topic: Annotated[
        list[str] | None, typer.Option("--topic", help="Only topics that hold this; repeat it.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="INCONCLUSIVE exits 1.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Plan what would be sent again.")] = False,
    do: Annotated[bool, typer.Option("--apply", help="Send it again.")] = False,
    confirm: Annotated[str, typer.Option("--confirm", help="ENV:reconcile, on a protected profile.")] = "",
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Compare PostgreSQL, Kafka and ClickHouse: counts and sets of event ids, topic by topic.

    ccops data reconcile --last 10m
    ccops data reconcile --since 2026-11-22T00:00:00Z --max-loss 0.5% --by action_type
    ccops data reconcile --last 1h --repair            a plan; --apply sends it again

    FAIL: an event is missing, foreign, or doubled. INCONCLUSIVE: it may only be late. 0 lost of n events
    bounds the loss rate at 95 % (Clopper-Pearson; about 3/n).

    Exit codes: 0 pass or inconclusive, 1 fail or an empty window, 2 usage, 3 refused, 4 a system could not be
    asked, 5 sent again but not everywhere.
    """
    from ccops.cli.reconcileview import reconcile_report, wanted_of

    wanted = wanted_of(
        since=since, until=until, last=last, settle=settle, max_loss=max_loss, by=by, topics=topic
    )
    profile = profile_of(env, project)
    finish(reconcile_report(profile, wanted, strict=strict, repair=repair, do=do, confirm=confirm), output)
