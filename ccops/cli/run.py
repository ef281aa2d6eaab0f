"""Run one noun's Typer app and map every ending to an exit code."""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer
from typer._click.core import Command
from typer._click.exceptions import ClickException
from typer.core import TyperGroup

from ccops.cli.options import deaf
from ccops.core.errors import CcopsError, ExitCode, UsageError
from ccops.core.masking import MASK, mask_urls
from ccops.core.output import Output, error_report, write

_EXAMPLE = re.compile(r"(?:[A-Z_]+=\S+ )?ccops ")
_VALUED = frozenset({"--var", "--set"})


def run_noun(args: Sequence[str], commands: Mapping[str, tuple[str, str]], *, ends: bool = False) -> int:
    """Return the exit code of `ccops ARGS`; never lets an exception through.

    Once the result is written Ctrl-C is ignored: for good when the process `ends` with it, else until we
    return to a program that goes on.
    """
    before = signal.getsignal(signal.SIGINT)
    try:
        return _guarded(args, commands)
    finally:
        if not ends and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


def _guarded(args: Sequence[str], commands: Mapping[str, tuple[str, str]]) -> int:
    output = _output_of(args)
    try:
        return _invoke(args, commands)
    except CcopsError as error:
        deaf()
        write(error_report(error), output)
        return int(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        deaf()
        write(error_report(_interrupted(args)), output)
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader went away (`ccops logs | head`): not our failure, but nothing more can be written.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123
        return int(ExitCode.OK)
    except Exception as error:  # noqa: BLE001 - the one place that may: everything else is a bug
        return _crash(args, error, output)


def _invoke(args: Sequence[str], commands: Mapping[str, tuple[str, str]]) -> int:
    noun = args[0]
    if noun not in commands:
        near = difflib.get_close_matches(noun, commands, n=1)
        raise UsageError(
            "COMMAND_UNKNOWN",
            f"there is no command {noun!r}",
            evidence=f"did you mean {near[0]!r}?" if near else "ccops --help lists the commands",
            next_step=f"ccops {near[0]} --help" if near else "ccops --help",
        )
    module = importlib.import_module(commands[noun][0])
    command = typer.main.get_command(module.app)
    keep_lines(command)
    try:
        # Not command.main(): it turns a KeyboardInterrupt into an exit that nobody could tell from ours.
        with command.make_context(f"ccops {noun}", list(args[1:])) as context:
            result = command.invoke(context)
    except typer.Exit as done:
        return int(done.exit_code)
    except ClickException as error:
        raise UsageError(
            "USAGE",
            error.format_message(),
            evidence=f"call: {call_of(args)}",
            next_step=f"ccops {noun} --help",
        ) from error
    return int(result) if isinstance(result, int) else 0


def keep_lines(command: Command) -> None:
    """Mark every paragraph of examples, so that the help does not run its lines together."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    command.help = "\n\n".join(f"\b\n{text}" if _EXAMPLE.match(text) else text for text in paragraphs)
    for inner in command.commands.values() if isinstance(command, TyperGroup) else ():
        keep_lines(inner)


def _output_of(args: Sequence[str]) -> Output:
    """Return the format an error is written in: found without parsing, since parsing may be what failed."""
    chosen = os.environ.get("CCOPS_OUTPUT", "text")
    for place, arg in enumerate(args):
        if arg in {"-o", "--output"} and place + 1 < len(args):
            chosen = args[place + 1]
        elif arg.startswith("--output="):
            chosen = arg.partition("=")[2]
        elif arg.startswith("-o"):
            chosen = arg[2:].removeprefix("=")
    return Output(chosen) if chosen in set(Output) else Output.TEXT


def call_of(args: Sequence[str]) -> str:
    """Return the command line for people; the values of `--var` and `--set` may be secrets and are hidden."""
    shown: list[str] = []
    hidden = False
    for arg in args:
        option, _, rest = arg.partition("=")
        if hidden or (option in _VALUED and rest):
            head, tail = ("", arg) if hidden else (f"{option}=", rest)
            key, equals, _ = tail.partition("=")
            shown.append(f"{head}{key}={MASK}" if equals else MASK)
        else:
            shown.append(arg)
        hidden = arg in _VALUED
    return " ".join(["ccops", *shown])


def _interrupted(args: Sequence[str]) -> CcopsError:
    return CcopsError(
        "INTERRUPTED",
        "interrupted",
        evidence=f"call: {call_of(args)}",
        next_step="ccops status    shows what runs",
        exit_code=ExitCode.INTERRUPTED,
    )


def _crash(args: Sequence[str], error: Exception, output: Output) -> int:
    folder = Path(os.environ.get("CCOPS_HOME") or Path.cwd() / ".ccops")
    text = mask_urls("".join(traceback.format_exception(error)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"crash-{os.getpid()}.txt"
        # An argument may hold bytes that are no text: the report of a crash must not crash.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{call_of(args)}\n{text}")
        kept = str(path)
    except OSError:
        sys.stderr.write(text)
        kept = "nowhere (the folder could not be written)"
    bug = CcopsError(
        "BUG",
        mask_urls(f"{type(error).__name__}: {error}"),
        evidence=f"details: {kept}",
        next_step="report it with that file",
        exit_code=ExitCode.BUG,
    )
    write(error_report(bug), output)
    return int(ExitCode.BUG)
