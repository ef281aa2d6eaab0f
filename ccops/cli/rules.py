"""ccops rules: thresholds to alert rules that are rendered, checked, tested, loaded and retuned."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from ccops.cli.options import EnvOption, OutputOption, ProjectOption, ThresholdOption, finish
from ccops.cli.options import app as new_app
from ccops.cli.run import keep_lines
from ccops.core.output import Output

if TYPE_CHECKING:
    from typer._click import Command, Context

# Each has a module with `register(app)`. Rendering must not pay for the parser that checking needs.
_ELSEWHERE = {
    "check": "rulescheck",
    "test": "rulestest",
    "diff": "rulesdiff",
    "tune": "rulestune",
    "apply": "rulesapply",
}


class Lazy(TyperGroup):
    """Imports the module of a command when it is called, or when help lists them all."""

    def list_commands(self, ctx: Context) -> list[str]:
        return [*super().list_commands(ctx), *(name for name in _ELSEWHERE if name not in self.commands)]

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        if cmd_name in _ELSEWHERE and cmd_name not in self.commands:
            self.commands[cmd_name] = _loaded(cmd_name)
        return super().get_command(ctx, cmd_name)


def _loaded(name: str) -> Command:
    holder = new_app("")
    holder.callback()(rules)  # or its only command would become the whole app
    importlib.import_module(f"ccops.cli.{_ELSEWHERE[name]}").register(holder)
    group = typer.main.get_command(holder)
    assert isinstance(group, TyperGroup)
    keep_lines(group)
    return group.commands[name]


app = new_app(
    """Render alert rules from typed thresholds, and prove that they fire when they should.

    ccops rules render --env prod --out build/rules
    ccops rules test --env all
    ccops rules check --env prod

    Exit codes: 0 ok, 1 findings, differences or failed tests, 2 usage, 3 refused, 4 unreachable, 5 undone.
    """
)
app.info.cls = Lazy
ScaleOption = Annotated[
    str, typer.Option("--time-scale", help="Shorten windows and `for` for tests, e.g. 0.05.")
]


@app.callback()
def rules() -> None:
    """Render, check, test, compare, load, retune."""


@app.command()
def render(
    env: EnvOption = "dev",
    all_envs: Annotated[
        bool, typer.Option("--all-envs", help="Every env/*.env, each into OUT/NAME.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the files go.", show_default=False)
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; 1 if DIR differs.")] = False,
    setting: ThresholdOption = None,
    time_scale: ScaleOption = "1",
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Render the rule files; without --out they are only judged. Prints where each threshold comes from.

    ccops rules render --env prod --out build/rules
    ccops rules render --all-envs --out build/rules --check
    ccops rules render --env dev --set ALERT_PENDING_SPIKE_THRESHOLD=5 --time-scale 0.05 --out /tmp/rules

    A bad value ends with 2 and writes nothing; the process environment is never read for thresholds.

    Exit codes: 0 written or the same, 1 --check found a difference, 2 a bad value, 3 refused.
    """
    from ccops.cli.rulesview import RenderCall, render_report

    call = RenderCall(env, all_envs, out, check, tuple(setting or ()), time_scale, project)
    finish(render_report(call, output), output)
