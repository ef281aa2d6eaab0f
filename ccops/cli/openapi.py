"""ccops openapi: export an API's document, compare it by proof, comment, approve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccops.cli.contractoptions import (
    AgainstOption,
    AppDirOption,
    AppOption,
    ApprovalsOption,
    ClosedOption,
    ConsumersOption,
    ContractOption,
    ExternalOption,
    FailOnOption,
    LevelName,
    LevelOption,
    NewArgument,
    OldArgument,
    PythonOption,
    SetOption,
    SunsetOption,
    TimeoutOption,
)
from ccops.cli.options import OutputOption, ProjectOption, ReportOption, finish
from ccops.cli.options import app as new_app
from ccops.core.output import Output

app = new_app(
    """Export an API's document and compare it by proof: what breaks is shown by an example.

    ccops openapi diff --against origin/main   what this branch breaks
    ccops openapi export --out openapi.json    the document of the app
    ccops openapi comment --against origin/main --pr 7 --apply

    Exit codes: 0 compatible, 1 breaks or nothing compared, 2 usage or unreadable, 3 refused, 4 unreachable.
    """
)


@app.callback()
def openapi() -> None:
    """Export, compare, comment, approve."""


@app.command()
def export(
    source: Annotated[str, typer.Option("--from", metavar="FILE|URL", show_default=False)] = "",
    app_: AppOption = "",
    app_dir: AppDirOption = None,
    python: PythonOption = "",
    setting: SetOption = None,
    out: Annotated[Path, typer.Option("--out", help="- is the standard output.")] = Path("-"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; 1 if --out differs.")] = False,
    external: ExternalOption = False,
    timeout: TimeoutOption = 30.0,
    contract: ContractOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Write the document of an app, an address or a file: sorted, the same bytes every time.

    ccops openapi export > openapi.json
    ccops openapi export --app shop.main:app --app-dir src --set DATABASE_URL=x --out openapi.json
    ccops openapi export --check        is the committed document the app's?

    Exit codes: 0 written or the same, 1 --check found a difference, 2 usage, 4 unreachable.
    """
    from ccops.cli.contractsides import Call
    from ccops.cli.contractview import ExportCall, export_report, openapi_document

    call = Call(
        app=app_, app_dir=app_dir, python=python, settings=tuple(setting or ()), external=external,
        timeout_s=timeout, contract=contract,
    )  # fmt: skip
    place = call.folder / "openapi.json" if check and str(out) == "-" else out
    finish(export_report(*openapi_document(call, source), ExportCall(place, check)), output)


@app.command()
def diff(
    old: OldArgument = "",
    new: NewArgument = "",
    against: AgainstOption = "",
    app_: AppOption = "",
    app_dir: AppDirOption = None,
    python: PythonOption = "",
    setting: SetOption = None,
    contract: ContractOption = None,
    approvals: ApprovalsOption = None,
    consumers: ConsumersOption = True,
    fail_on: FailOnOption = LevelName.ERR,
    closed_clients: ClosedOption = LevelName.INFO,
    sunset_days: SunsetOption = 0,
    level: LevelOption = None,
    external: ExternalOption = False,
    timeout: TimeoutOption = 30.0,
    report: ReportOption = None,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Compare two documents; by default the committed one with what the app says now.

    ccops openapi diff
    ccops openapi diff --against origin/main --report sarif=contract.sarif
    ccops openapi diff old.json https://game.example/openapi.json -o md

    A break comes with a payload that was valid and no longer is, checked on both sides.

    Exit codes: 0 compatible, 1 breaks or nothing compared, 2 usage or unreadable, 4 unreachable.
    """
    from ccops.cli.contractsides import Call, openapi_sides
    from ccops.cli.contractview import diff_report

    call = Call(
        old, new, against, contract, app_, app_dir, python, tuple(setting or ()), external, timeout,
        approvals, consumers, fail_on.level, closed_clients.level, sunset_days, tuple(level or ()), project,
    )  # fmt: skip
    finish(diff_report(call, "HTTP", openapi_sides(call), tuple(report or ()), output), output)


@app.command()
def snapshot(
    app_: AppOption = "",
    app_dir: AppDirOption = None,
    python: PythonOption = "",
    setting: SetOption = None,
    contract: ContractOption = None,
    approvals: ApprovalsOption = None,
    apply: Annotated[bool, typer.Option("--apply", help="Write it.")] = False,
    accept: Annotated[bool, typer.Option("--accept", help="Also when it breaks callers.")] = False,
    timeout: TimeoutOption = 30.0,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Refresh the committed document; one that breaks callers needs approvals or --accept.

    ccops openapi snapshot
    ccops openapi snapshot --apply

    Exit codes: 0 up to date, written, or only shown, 2 usage, 3 it breaks callers: nothing written.
    """
    from ccops.cli.contractchanges import snapshot_report
    from ccops.cli.contractsides import Call

    call = Call(
        app=app_, app_dir=app_dir, python=python, settings=tuple(setting or ()), contract=contract,
        approvals=approvals, timeout_s=timeout, project=project,
    )  # fmt: skip
    finish(snapshot_report(call, apply=apply, accept=accept), output)


@app.command()
def comment(
    old: OldArgument = "",
    new: NewArgument = "",
    against: AgainstOption = "",
    app_: AppOption = "",
    app_dir: AppDirOption = None,
    setting: SetOption = None,
    contract: ContractOption = None,
    approvals: ApprovalsOption = None,
    repo: Annotated[
        str, typer.Option("--repo", envvar="GITHUB_REPOSITORY", metavar="OWNER/NAME", show_default=False)
    ] = "",
    pr: Annotated[int, typer.Option("--pr", help="Number of the pull request.", show_default=False)] = 0,
    api: Annotated[
        str, typer.Option("--api", envvar="GITHUB_API_URL", help="Address of GitHub's API.")
    ] = "https://api.github.com",
    apply: Annotated[bool, typer.Option("--apply", help="Post it; else it is printed.")] = False,
    timeout: TimeoutOption = 30.0,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Write the one comment of a pull request: API and events, breaks first, proof folded.

    ccops openapi comment --against origin/main
    GITHUB_TOKEN=... ccops openapi comment --against origin/main --repo OWNER/NAME --pr 7 --apply

    It is found again by a hidden marker and edited. The verdict is `diff`'s, not this command's.

    Exit codes: 0 printed or posted, 2 usage, 3 GitHub refused, 4 unreachable.
    """
    from ccops.cli.contractchanges import comment_report, pull_request
    from ccops.cli.contractsides import Call

    call = Call(
        old, new, against, contract, app_, app_dir, settings=tuple(setting or ()), approvals=approvals,
        timeout_s=timeout, project=project,
    )  # fmt: skip
    finish(comment_report(call, pull_request(repo, pr, api) if apply else None), output)


@app.command()
def approve(
    fingerprints: Annotated[list[str], typer.Argument(metavar="FINGERPRINT..", help="As `diff` prints it.")],
    owner: Annotated[str, typer.Option("--owner", help="Who answers for it.", show_default=False)] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why it may break.", show_default=False)] = "",
    expires: Annotated[str, typer.Option("--expires", metavar="YYYY-MM-DD", show_default=False)] = "",
    old: Annotated[str, typer.Option("--old", metavar="FILE|URL", show_default=False)] = "",
    new: Annotated[str, typer.Option("--new", metavar="FILE|URL", show_default=False)] = "",
    against: AgainstOption = "",
    app_: AppOption = "",
    app_dir: AppDirOption = None,
    setting: SetOption = None,
    contract: ContractOption = None,
    approvals: ApprovalsOption = None,
    apply: Annotated[bool, typer.Option("--apply", help="Write it.")] = False,
    timeout: TimeoutOption = 30.0,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Answer for a break: owner, reason and last day, kept in contract/approvals.yml.

    ccops openapi approve 3f2a91c0 --owner dana --reason "no client reads it" --expires 2027-01-31
    ccops openapi approve 3f2a91c0 --against origin/main --owner dana --reason "..." --expires 2027-01-31

    Exit codes: 0 written or only shown, 2 usage, unknown fingerprint or a day that is over.
    """
    from ccops.cli.contractchanges import Answer, approve_report
    from ccops.cli.contractsides import Call

    call = Call(
        old, new, against, contract, app_, app_dir, settings=tuple(setting or ()), approvals=approvals,
        timeout_s=timeout, project=project,
    )  # fmt: skip
    finish(approve_report(call, Answer(tuple(fingerprints), owner, reason, expires), apply=apply), output)
