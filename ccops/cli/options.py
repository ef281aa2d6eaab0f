"""The options that mean the same in every command, defined once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ccops.core.output import Output, Report, write
from ccops.core.profile import Profile, find_project, load_profile
from ccops.stack.compose import Mode

EnvOption = Annotated[
    str,
    typer.Option(
        "--env", envvar="CCOPS_ENV", help="Environment: the file env/NAME.env.", rich_help_panel="Target"
    ),
]
ProjectOption = Annotated[
    Path | None,
    typer.Option(
        "--project", envvar="CCOPS_PROJECT", help="Folder with scenarios/ and env/.", show_default=False
    ),
]
OutputOption = Annotated[
    Output, typer.Option("-o", "--output", envvar="CCOPS_OUTPUT", help="Format of the result.")
]
ModeOption = Annotated[
    Mode,
    typer.Option(
        "--mode",
        envvar="CCOPS_MODE",
        help="Own processes or Docker; auto: what runs, else what is installed.",
        rich_help_panel="Target",
    ),
]
# For what writes findings (core.reports.marks); scenarios have kinds of their own.
ReportOption = Annotated[
    list[str] | None,
    typer.Option("--report", metavar="KIND=PATH", help="junit, sarif, github or md; PATH - is stdout."),
]
ThresholdOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Another threshold, for this call.", show_default=False),
]


def app(help_text: str) -> typer.Typer:
    """Return a Typer app with our settings: -h, plain help, no framework tracebacks."""
    return typer.Typer(
        help=help_text,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        no_args_is_help=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def profile_of(env: str, project: Path | None) -> Profile:
    """Return the profile that the common options name."""
    return load_profile(env, find_project(project))


def teller(output: Output) -> Callable[[str], None]:
    """Return what tells a person meanwhile what is done; other formats are told at the end alone."""

    def tell(line: str) -> None:
        if output is Output.TEXT:
            sys.stderr.write(f"  {line}\n")
            sys.stderr.flush()

    return tell


def deaf() -> None:
    """Ignore Ctrl-C from here on: the result is known, and half of it (or two of them) is of no use."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def finish(report: Report, output: Output) -> None:
    """Write `report` and end the command with its exit code."""
    deaf()
    try:
        write(report, output)
    except BrokenPipeError:  # the reader went away: the verdict stays what it is
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123
    raise typer.Exit(int(report.exit_code))
