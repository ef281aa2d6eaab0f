"""ccops kafka reset, restore, replay, replay-gc: what moves offsets, or reads records again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccops.cli.kafkaoptions import (
    AllTopicsOption,
    AnyNameOption,
    ApplyOption,
    Around,
    ClampOption,
    ConfirmOption,
    GroupOption,
    NoSilenceOption,
    PlanOption,
    ReasonOption,
    SilenceOption,
    TimeoutOption,
    TopicOption,
    WaitOption,
    working,
)
from ccops.cli.options import EnvOption, OutputOption, ProjectOption, finish, profile_of
from ccops.core.output import Output


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command in (reset, restore, replay):
        app.command()(command)
    app.command("replay-gc")(replay_gc)


def reset(
    group: GroupOption = None,
    topic: TopicOption = None,
    all_topics: AllTopicsOption = False,
    to_datetime: Annotated[
        str | None, typer.Option("--to-datetime", help="The first record at or after.")
    ] = None,
    by_duration: Annotated[
        str | None, typer.Option("--by-duration", help="So long ago: 15m, 1h30m, 7d.")
    ] = None,
    to_earliest: Annotated[
        bool, typer.Option("--to-earliest", help="The first record that is left.")
    ] = False,
    to_latest: Annotated[bool, typer.Option("--to-latest", help="The end: skip everything.")] = False,
    to_offset: Annotated[
        str | None, typer.Option("--to-offset", help="This offset in every partition.")
    ] = None,
    shift_by: Annotated[
        str | None, typer.Option("--shift-by", help="So many records on, or back with -N.")
    ] = None,
    to_current: Annotated[
        bool, typer.Option("--to-current", help="Where it stands; checks everything.")
    ] = False,
    from_file: Annotated[
        Path | None, typer.Option("--from-file", help="CSV: topic,partition,offset.")
    ] = None,
    to_group: Annotated[str | None, typer.Option("--to-group", help="Where that other group stands.")] = None,
    tz: Annotated[str, typer.Option("--tz", help="Zone of a time without an offset: Asia/Seoul.")] = "",
    on_no_match: Annotated[
        str, typer.Option("--on-no-match", help="fail, or end: no record at or after the time anywhere.")
    ] = "fail",
    allow_clamp: ClampOption = False,
    create_group: Annotated[
        bool, typer.Option("--create-group", help="The group may be new; else a typo stays a typo.")
    ] = False,
    any_name: AnyNameOption = False,
    wait: WaitOption = "",
    env: EnvOption = "dev",
    plan: PlanOption = None,
    apply: ApplyOption = False,
    confirm: ConfirmOption = "",
    reason: ReasonOption = "",
    silence: SilenceOption = "15m",
    no_silence: NoSilenceOption = False,
    timeout: TimeoutOption = 10.0,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Move a group's offsets: a plan first; with --apply a snapshot, a silence, one write, and a read-back.

    ccops kafka reset --group cc.actions.clickhouse.dev --topic cc.actions.events.dev --by-duration 1h
    ccops kafka reset --group G --topic T:0,2 --to-datetime 2026-11-22T09:00:00+09:00 --apply
    ccops kafka reset --plan FILE --apply --confirm prod:G --reason "INC-42: rows lost in ClickHouse"

    Exit codes: 0 done or only planned, 2 usage, 3 refused, 4 unreachable or unknown, 5 partial or undone.
    """
    from ccops.cli.kafkareset import Asked, reset_report
    from ccops.kafka.plan import Allowed
    from ccops.kafka.targets import Kind
    from ccops.kafka.wishes import ends_on_no_match

    targets: dict[Kind, str | int | bool | None] = {
        Kind.DATETIME: to_datetime,
        Kind.DURATION: by_duration,
        Kind.EARLIEST: to_earliest,
        Kind.LATEST: to_latest,
        Kind.OFFSET: to_offset,
        Kind.SHIFT: shift_by,
        Kind.CURRENT: to_current,
        Kind.FILE: str(from_file) if from_file else None,
        Kind.GROUP: to_group,
    }
    allowed = Allowed(allow_clamp, ends_on_no_match(on_no_match), create_group, any_name)
    asked = Asked(group or (), topic or (), all_topics, targets, tz, allowed, plan, apply, confirm)
    around = Around(no_silence, silence, wait, reason, timeout)
    with working(profile_of(env, project), output, around) as context:
        report = reset_report(context, asked)
    finish(report, output)


def restore(
    snapshot: Annotated[Path, typer.Argument(metavar="SNAPSHOT", help="A file that a reset wrote.")],
    allow_clamp: ClampOption = False,
    wait: WaitOption = "",
    env: EnvOption = "dev",
    apply: ApplyOption = False,
    confirm: ConfirmOption = "",
    reason: ReasonOption = "",
    silence: SilenceOption = "15m",
    no_silence: NoSilenceOption = False,
    timeout: TimeoutOption = 10.0,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Put a group back to where a snapshot saw it, as carefully as a reset.

    ccops kafka restore .ccops/dev/kafka/snapshots/reset-20261123T025200Z-ab12cd.json
    ccops kafka restore FILE --apply

    Exit codes: 0 done or only planned, 2 no snapshot, 3 refused, 4 unreachable or unknown, 5 partial.
    """
    from ccops.cli.kafkareset import restore_report

    around = Around(no_silence, silence, wait, reason, timeout)
    with working(profile_of(env, project), output, around) as context:
        report = restore_report(context, snapshot, allow_clamp=allow_clamp, apply=apply, confirm=confirm)
    finish(report, output)


def replay(
    group: Annotated[str, typer.Option("--group", help="The group whose records are read again.")],
    from_datetime: Annotated[str, typer.Option("--from-datetime", metavar="START", help="First moment.")],
    until: Annotated[str, typer.Option("--until", metavar="END", help="The moment it ends before.")],
    topic: TopicOption = None,
    tz: Annotated[str, typer.Option("--tz", help="Zone of times without an offset: Asia/Seoul.")] = "",
    at: Annotated[str, typer.Option("--at", metavar="YYYYMMDDHH", help="The hour in the group's name.")] = "",
    rate: Annotated[
        float, typer.Option("--rate", help="Records a second at most; 0: no limit.", min=0)
    ] = 0.0,
    handler: Annotated[
        str, typer.Option("--handler", metavar="NAME|M:F", help="What to do with each; none: count.")
    ] = "",
    any_name: AnyNameOption = False,
    allow_clamp: ClampOption = False,
    env: EnvOption = "dev",
    apply: ApplyOption = False,
    confirm: ConfirmOption = "",
    reason: ReasonOption = "",
    timeout: TimeoutOption = 10.0,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Read a window of records again as GROUP.replay.YYYYMMDDHH; the group itself is never touched.

    ccops kafka replay --group G --topic T --from-datetime 2026-11-22T09:00Z --until 2026-11-22T10:00Z
    ccops kafka replay --group G --topic T --from-datetime S --until E --handler mine:fix --rate 200 --apply

    Exit codes: 0 replayed or only planned, 2 usage, 3 refused, 4 unreachable, 5 the handler failed.
    """
    from ccops.cli.kafkareplay import Asked, replay_report

    asked = Asked(
        group, topic or (), from_datetime, until, tz, at, rate, handler, any_name, allow_clamp, apply, confirm
    )
    around = Around(reason=reason, timeout=timeout)
    with working(profile_of(env, project), output, around) as context:
        report = replay_report(context, asked)
    finish(report, output)


def replay_gc(
    older_than: Annotated[str, typer.Option("--older-than", help="Only groups older than this.")] = "7d",
    env: EnvOption = "dev",
    apply: ApplyOption = False,
    confirm: Annotated[
        str, typer.Option("--confirm", metavar="ENV:replay-gc", help="On a protected profile.")
    ] = "",
    reason: ReasonOption = "",
    timeout: TimeoutOption = 10.0,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """List replay groups that are empty and old, and with --apply delete them: forgotten ones keep alerting.

    ccops kafka replay-gc
    ccops kafka replay-gc --older-than 2d --apply

    Exit codes: 0 listed or deleted, 2 usage, 3 refused, 4 unreachable.
    """
    from ccops.cli.kafkareplay import gc_report

    around = Around(reason=reason, timeout=timeout)
    with working(profile_of(env, project), output, around) as context:
        report = gc_report(context, older_than, apply=apply, confirm=confirm)
    finish(report, output)
