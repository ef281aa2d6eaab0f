"""ccops contract: the WebSocket and Kafka payloads, as one AsyncAPI document."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccops.cli.contractoptions import (
    AgainstOption,
    ApprovalsOption,
    ClosedOption,
    ConsumersOption,
    ContractOption,
    FailOnOption,
    LevelName,
    LevelOption,
    NewArgument,
    OldArgument,
    SunsetOption,
    TimeoutOption,
)
from ccops.cli.options import OutputOption, ProjectOption, ReportOption, finish
from ccops.cli.options import app as new_app
from ccops.core.output import Output

app = new_app(
    """Hold WebSocket frames and Kafka records to what was promised.

    ccops contract diff --against origin/main   what this branch breaks in events
    ccops contract export > asyncapi.json       both directions of the socket, and the topics

    Exit codes: 0 compatible, 1 breaks or nothing compared, 2 usage or unreadable, 4 unreachable.
    """
)


@app.callback()
def contract() -> None:
    """Export and compare event payloads."""


@app.command()
def export(
    contract: ContractOption = None,
    out: Annotated[Path, typer.Option("--out", help="- is the standard output.")] = Path("-"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; 1 if --out differs.")] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Write the AsyncAPI 3 document of the contract bundle's events.

    ccops contract export > asyncapi.json
    ccops contract export --contract my-backend/contract --out asyncapi.json --check

    Exit codes: 0 written or the same, 1 --check found a difference, 2 usage or unreadable.
    """
    from ccops.cli.contractsides import Call
    from ccops.cli.contractview import ExportCall, events_document, export_report

    document = events_document(Call(contract=contract))
    finish(export_report(document, {}, ExportCall(out, check)), output)


@app.command()
def diff(
    old: OldArgument = "",
    new: NewArgument = "",
    against: AgainstOption = "",
    contract: ContractOption = None,
    approvals: ApprovalsOption = None,
    consumers: ConsumersOption = True,
    fail_on: FailOnOption = LevelName.ERR,
    closed_clients: ClosedOption = LevelName.INFO,
    sunset_days: SunsetOption = 0,
    level: LevelOption = None,
    timeout: TimeoutOption = 30.0,
    report: ReportOption = None,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Compare two bundles or AsyncAPI documents, frame by frame and record by record.

    ccops contract diff --against origin/main
    ccops contract diff old/contract new/contract -o json

    Exit codes: 0 compatible, 1 breaks or nothing compared, 2 usage or unreadable, 4 unreachable.
    """
    from ccops.cli.contractsides import Call, events_sides
    from ccops.cli.contractview import diff_report

    call = Call(
        old, new, against, contract, approvals=approvals, consumers=consumers, fail_on=fail_on.level,
        closed_clients=closed_clients.level, sunset_days=sunset_days, levels=tuple(level or ()),
        timeout_s=timeout, project=project,
    )  # fmt: skip
    finish(diff_report(call, "Events", events_sides(call), tuple(report or ()), output), output)
