"""The options of ccops kafka, and how a command gets its broker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ccops.cli.options import teller
from ccops.core.output import Output
from ccops.core.profile import Profile

if TYPE_CHECKING:
    from ccops.kafka.broker import Broker
    from ccops.kafka.run import Context

GroupOption = Annotated[
    list[str] | None, typer.Option("--group", help="A consumer group; may be repeated.", show_default=False)
]
TopicOption = Annotated[
    list[str] | None,
    typer.Option("--topic", metavar="T[:0,2-4]", help="A topic, or some partitions of it; repeatable."),
]
AllTopicsOption = Annotated[
    bool, typer.Option("--all-topics", help="Every topic the group has committed in.")
]
ApplyOption = Annotated[bool, typer.Option("--apply", help="Do it; without it the plan is only shown.")]
ConfirmOption = Annotated[
    str, typer.Option("--confirm", metavar="ENV:GROUP", help="On a protected profile.", show_default=False)
]
ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why; goes to the audit log.", show_default=False)
]
PlanOption = Annotated[
    Path | None, typer.Option("--plan", help="The plan that was reviewed, to look at or --apply.")
]
NoSilenceOption = Annotated[
    bool, typer.Option("--no-silence", help="Let the lag alert ring; do not ask Alertmanager.")
]
SilenceOption = Annotated[str, typer.Option("--silence", help="Lease of the silence, at most 2h.")]
WaitOption = Annotated[
    str, typer.Option("--wait", metavar="60s", help="Wait for the group's members to leave.")
]
ClampOption = Annotated[
    bool, typer.Option("--allow-clamp", help="Start at the first record left where retention took more.")
]
AnyNameOption = Annotated[
    bool, typer.Option("--any-name", help="The name is meant, whatever the standard says.")
]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", help="Seconds for an answer of the broker.", min=1)
]


@contextmanager
def opened(profile: Profile, timeout: float) -> Iterator[Broker]:
    """Yield the broker of `profile`."""
    from ccops.kafka.broker import open_broker
    from ccops.kafka.target import bootstrap_of

    with open_broker(bootstrap_of(profile), timeout=timeout) as broker:
        yield broker


@dataclass(frozen=True, slots=True)
class Around:
    """What accompanies a write, as it was given on the command line."""

    no_silence: bool = False
    silence: str = "15m"
    wait: str = ""
    reason: str = ""
    timeout: float = 10.0


@contextmanager
def working(profile: Profile, output: Output, around: Around) -> Iterator[Context]:
    """Yield what a changing command works with; its steps are told on stderr while it is at it."""
    from ccops.kafka.run import Context, Options, lease_of
    from ccops.kafka.times import parse_duration

    waiting = parse_duration(around.wait).total_seconds() if around.wait else 0.0
    options = Options(not around.no_silence, lease_of(around.silence), waiting, around.reason)
    with opened(profile, around.timeout) as broker:
        yield Context(profile, broker, options, tell=teller(output))
