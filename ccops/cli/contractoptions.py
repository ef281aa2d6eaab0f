"""The options that the commands of both contract nouns share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ccops.contract.model import Level
from ccops.core.errors import UsageError


class LevelName(StrEnum):
    """Levels as people type them."""

    ERR = "err"
    WARN = "warn"
    INFO = "info"

    @property
    def level(self) -> Level:
        """Return the level itself."""
        return Level[self.name]


OldArgument = Annotated[str, typer.Argument(metavar="[OLD]", show_default=False, help="File or address.")]
NewArgument = Annotated[str, typer.Argument(metavar="[NEW]", show_default=False, help="File or address.")]


def _named(context: typer.Context, param: typer.CallbackParam, value: str) -> str:
    """Refuse an empty reference: a CI variable that is not set must not choose another comparison."""
    source = context.get_parameter_source(str(param.name))
    if value or source is None or source.name == "DEFAULT":
        return value
    raise UsageError(
        "AGAINST_EMPTY",
        "--against names nothing",
        evidence="its value is empty: an unset variable, perhaps",
        next_step="ccops openapi diff --against origin/main",
    )


AgainstOption = Annotated[
    str,
    typer.Option(
        "--against",
        metavar="GITREF|FILE|URL",
        show_default=False,
        callback=_named,
        help="The old side, as committed there.",
    ),
]
ContractOption = Annotated[
    Path | None,
    typer.Option("--contract", envvar="CCOPS_CONTRACT", help="Folder of the bundle.", show_default=False),
]
AppOption = Annotated[
    str,
    typer.Option("--app", metavar="MODULE:ATTR", show_default=False, help="App; else the bundled backend."),
]
AppDirOption = Annotated[
    Path | None, typer.Option("--app-dir", show_default=False, help="Folder the module is in.")
]
PythonOption = Annotated[
    str, typer.Option("--python", show_default=False, help="Interpreter of the app's own environment.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="K=V", help="A variable the app needs; it gets no others of yours."),
]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds for an import or answer.")]
ApprovalsOption = Annotated[
    Path | None,
    typer.Option("--approvals", show_default=False, help="Default: contract/approvals.yml of the project."),
]
ConsumersOption = Annotated[
    bool, typer.Option("--consumers/--no-consumers", help="Name the scenarios that a break hits.")
]
FailOnOption = Annotated[LevelName, typer.Option("--fail-on", help="Level from which on the run is red.")]
ClosedOption = Annotated[
    LevelName, typer.Option("--closed-clients", help="Level of a field added to an answer.")
]
SunsetOption = Annotated[
    int, typer.Option("--sunset-days", min=0, help="How long a removal must have been announced.")
]
LevelOption = Annotated[
    list[str] | None, typer.Option("--level", metavar="CODE=LEVEL", help="Judge one code differently.")
]
ExternalOption = Annotated[
    bool, typer.Option("--allow-external", help="Follow references to other addresses.")
]
