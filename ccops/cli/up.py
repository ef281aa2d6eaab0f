"""ccops up: start the stack and wait until it is ready."""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ccops.cli.options import EnvOption, ModeOption, OutputOption, ProjectOption, finish, profile_of
from ccops.cli.options import app as new_app
from ccops.core.errors import UsageError
from ccops.core.output import Output, Report
from ccops.stack.compose import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ccops.cli.stackview import Progress
    from ccops.core.profile import Profile
    from ccops.stack.state import StackState

app = new_app("Start the stack on this machine and wait until it is ready.")


class Kafka(StrEnum):
    """Which broker to run."""

    NOIDA = "noida"
    APACHE = "apache"
    AUTO = "auto"


class Seed(StrEnum):
    """Which data a new database begins with."""

    DEMO = "demo"
    NONE = "none"


@app.command()
def up(
    services: Annotated[
        list[str] | None, typer.Argument(help="Services to start, with what they need.")
    ] = None,
    env: EnvOption = "dev",
    seed: Annotated[Seed, typer.Option("--seed", help="Data of a new database.")] = Seed.DEMO,
    wait_timeout: Annotated[float, typer.Option("--wait-timeout", help="Seconds to wait.", min=1)] = 120.0,
    backend_workers: Annotated[
        int | None,
        typer.Option(
            "--backend-workers", help="Backend processes behind one port.", show_default="profile, or 1"
        ),
    ] = None,
    kafka: Annotated[
        Kafka | None,
        typer.Option(
            "--kafka",
            help="Emulation, real Kafka (Java 17+), or what is quick.",
            show_default="profile, or noida",
        ),
    ] = None,
    scale: Annotated[
        list[str] | None,
        typer.Option("--scale", help="backend=N: containers of it, on Docker.", show_default=False),
    ] = None,
    mode: ModeOption = Mode.AUTO,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Start the stack on this machine and wait until it is ready.

    ccops up              everything
    ccops up postgres redis
    ccops up --backend-workers 2
    ccops up --kafka apache      jars through Maven, once
    ccops up --mode compose      on Docker
    ccops up --mode compose --scale backend=2

    Exit codes: 0 ready, 2 usage, 3 refused (a taken port names its owner), 4 a service is not ready.
    """
    began = time.monotonic()
    # Progress is a stream beside the result: with -o json it must not mix with it.
    stream = sys.stdout if output is Output.TEXT else sys.stderr
    stream.write(f"ccops up: {env}\n")
    stream.flush()
    from ccops.cli.stackview import Progress
    from ccops.rules.starting import put_rules
    from ccops.stack import engine
    from ccops.stack.compose.mode import chosen

    profile = profile_of(env, project)
    progress = Progress(stream)
    if chosen(profile, mode, "up") is Mode.COMPOSE:
        from ccops.stack.compose import engine as compose
        from ccops.stack.compose.replicas import parse_scale

        check_embedded_only({"--backend-workers": backend_workers, "--kafka": kafka})
        state = compose.up(
            profile,
            services or (),
            seed.value,
            progress,
            wait_timeout,
            partial(put_rules, profile),
            parse_scale(scale or ()),
        )
        finish(_report(profile, state, progress, began), output)
    check_docker_only(scale or ())
    provider = kafka.value if kafka else None
    state = engine.up(
        profile,
        services or (),
        seed.value,
        progress,
        wait_timeout,
        backend_workers,
        provider,
        partial(put_rules, profile),
    )
    finish(_report(profile, state, progress, began), output)


def check_embedded_only(given: Mapping[str, object]) -> None:
    """Raise UsageError for an option that the stack on Docker does not have."""
    wrong = [name for name, value in given.items() if value is not None]
    if wrong:
        raise UsageError(
            "OPTION_EMBEDDED_ONLY",
            f"{', '.join(wrong)} is for the embedded stack",
            evidence="on Docker the broker is Apache Kafka, and the backend one process a container",
            next_step="ccops up --mode compose, or --mode embedded with the option",
        )


def check_docker_only(scale: Sequence[str]) -> None:
    """Raise UsageError for `--scale` of the embedded stack: there it is several processes behind one port."""
    if scale:
        raise UsageError(
            "OPTION_DOCKER_ONLY",
            f"--scale {' '.join(scale)} is for the stack on Docker",
            evidence="the embedded stack has several backend processes behind one port: --backend-workers N",
            next_step="ccops up --backend-workers 2    or: ccops up --mode compose --scale backend=2",
        )


def _report(profile: Profile, state: StackState, progress: Progress, began: float) -> Report:
    from ccops.cli.stackview import service_rows, watch_line, watch_rows
    from ccops.monitor import switching
    from ccops.stack.stacks import watch

    seen = watch(profile, state)
    seconds = time.monotonic() - began
    line = f"{watch_line(seen)}\n" if seen else ""
    if switched := switching.left(profile):
        line += f"{switched.said}; next: {switched.next_step}\n"
    sentence = line + (
        "already up: nothing to do"
        if progress.already
        else f"ready in {seconds:.1f} s\nnext: ccops status    ccops smoke journey"
    )
    return Report(
        "ccops.stack.up/v1",
        {"changed": not progress.already, "services": service_rows(state), **watch_rows(seen)},
        env=state.env,
        duration_ms=round(seconds * 1000),
        text=lambda console: console.print(sentence, markup=False),
    )
