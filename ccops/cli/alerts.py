"""ccops alerts: what rings, and silences that nobody forgets."""

from __future__ import annotations

from typing import Annotated

import typer

from ccops.cli.options import EnvOption, OutputOption, ProjectOption, finish, profile_of
from ccops.cli.options import app as new_app
from ccops.core.output import Output

app = new_app(
    """See what rings, and silence one alert for a while; a silence has an owner, a reason and an end.

    ccops alerts list
    ccops alerts silence KafkaHighConsumerLag --match consumergroup=G --for 30m --reason "INC-42: reset"
    ccops alerts unsilence KafkaHighConsumerLag --match consumergroup=G

    Exit codes: 0 done, 2 usage, 3 refused, 4 Alertmanager can't be reached.
    """
)
NameArgument = Annotated[str, typer.Argument(metavar="ALERT", help="The alert's name.")]
MatchOption = Annotated[
    list[str] | None,
    typer.Option(
        "--match", metavar="LABEL=VALUE", help="Exactly this label; repeatable.", show_default=False
    ),
]
AsOption = Annotated[
    str,
    typer.Option(
        "--as", metavar="NAME", envvar="CCOPS_OPERATOR", help="Whose silence it is.", show_default="user@host"
    ),
]


@app.callback()
def alerts() -> None:
    """List, silence, unsilence."""


@app.command("list")
def list_(env: EnvOption = "dev", project: ProjectOption = None, output: OutputOption = Output.TEXT) -> None:
    """Show every alert that rings or is silenced, and every silence with its owner and its end.

    ccops alerts list
    ccops alerts list --env staging -o json

    Exit codes: 0 looked, whatever rings, 2 usage, 4 Alertmanager can't be reached.
    """
    from ccops.cli.alertsview import list_report

    finish(list_report(profile_of(env, project)), output)


@app.command()
def silence(
    name: NameArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why; others read it.")],
    match: MatchOption = None,
    lease: Annotated[str, typer.Option("--for", metavar="30m", help="How long, at most 2h.")] = "15m",
    owner: AsOption = "",
    any_name: Annotated[bool, typer.Option("--any-name", help="Though no loaded rule has it.")] = False,
    env: EnvOption = "dev",
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Silence one alert, exactly; your own silence of the same is extended, another's never touched.

    ccops alerts silence KafkaHighConsumerLag --match consumergroup=G --for 30m --reason "INC-42: reset"
    ccops alerts silence BackendDown --for 10m --reason "restart of the host"

    Exit codes: 0 silenced and read back, 2 usage, 3 no such alert, 4 Alertmanager can't be reached.
    """
    from ccops.cli.alertsview import Call, silence_report

    call = Call(name, tuple(match or ()), owner)
    finish(silence_report(profile_of(env, project), call, lease, reason, any_name=any_name), output)


@app.command()
def unsilence(
    name: Annotated[str, typer.Argument(metavar="[ALERT]", help="The alert's name.")] = "",
    match: MatchOption = None,
    ident: Annotated[str, typer.Option("--id", help="This silence.", show_default=False)] = "",
    owner: AsOption = "",
    env: EnvOption = "dev",
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """End your own silence of an alert, or the one with --id if it is yours.

    ccops alerts unsilence KafkaHighConsumerLag --match consumergroup=G
    ccops alerts unsilence --id 5b1f6f0e-1f2b-4a44-9d3c-2a8b7f1f9c11

    Exit codes: 0 ended, or there was none, 2 usage, 3 another's, 4 Alertmanager can't be reached.
    """
    from ccops.cli.alertsview import Call, unsilence_report

    finish(unsilence_report(profile_of(env, project), Call(name, tuple(match or ()), owner), ident), output)
