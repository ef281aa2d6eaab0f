"""ccops kafka: how far consumers are behind, and the careful ways to move them."""

from __future__ import annotations

from typing import Annotated

import typer

from ccops.cli import kafkamoves
from ccops.cli.kafkaoptions import GroupOption, TimeoutOption, TopicOption, opened
from ccops.cli.options import EnvOption, OutputOption, ProjectOption, finish, profile_of
from ccops.cli.options import app as new_app
from ccops.core.output import Output

app = new_app(
    """See how far consumers are behind, and move their offsets with a plan, a snapshot and a way back.

    ccops kafka lag --group cc.actions.clickhouse.dev
    ccops kafka reset --group G --topic T --to-datetime 2026-11-22T09:00:00+09:00
    ccops kafka restore SNAPSHOT --apply

    Exit codes: 0 ok or only planned, 1 too much lag, 2 usage, 3 refused, 4 unreachable, 5 partial or undone.
    """
)
topics = new_app(
    """Hold the cluster's topics against the contract.

    ccops kafka topics check

    Exit codes: 0 as declared, 1 not, 2 usage, 4 unreachable.
    """
)
naming = new_app(
    """Hold names of topics and groups against the standard cc.<domain>.<purpose>.<env>.

    ccops kafka naming check

    Exit codes: 0 all right, 1 some are not, 4 unreachable.
    """
)
app.add_typer(topics, name="topics")
app.add_typer(naming, name="naming")


@app.command()
def lag(
    group: GroupOption = None,
    topic: TopicOption = None,
    env: EnvOption = "dev",
    isolation: Annotated[
        str, typer.Option("--isolation", help="read_committed, or read_uncommitted: transactions count.")
    ] = "read_committed",
    fail_above: Annotated[
        int | None, typer.Option("--fail-above", help="Exit 1 when a group is more behind.", min=0)
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again every second until Ctrl-C.")] = False,
    timeout: TimeoutOption = 10.0,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show how far groups are behind; no group named: all of them. Nothing is ever negative.

    ccops kafka lag
    ccops kafka lag --group cc.actions.clickhouse.dev --fail-above 1000
    ccops kafka lag --watch -o json      one JSON object a line

    Exit codes: 0 shown, 1 above --fail-above or an unknown group, 2 usage, 4 unreachable.
    """
    from ccops.cli.kafkalag import lag_now, watch_lag

    profile = profile_of(env, project)
    with opened(profile, timeout) as broker:
        show = watch_lag if watch else lag_now
        report = show(broker, profile, group or (), topic or (), isolation, output, fail_above)
    finish(report, output)


@app.command()
def groups(
    env: EnvOption = "dev",
    timeout: TimeoutOption = 10.0,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """List the consumer groups with their state and members.

    ccops kafka groups
    ccops kafka groups -o json

    Exit codes: 0 listed, 4 unreachable.
    """
    from ccops.cli.kafkaview import groups_report
    from ccops.kafka.topics import every_group

    profile = profile_of(env, project)
    with opened(profile, timeout) as broker:
        names = list(every_group(broker))
        found = broker.describe(names)
    finish(groups_report(profile, [found[name] for name in names]), output)


@topics.command(name="check")
def topics_check(
    env: EnvOption = "dev",
    timeout: TimeoutOption = 10.0,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Hold every topic against the contract: is it there, with the partitions that were declared.

    ccops kafka topics check
    ccops kafka topics check --env staging -o json

    Exit codes: 0 as declared, 1 missing or different, 2 no contract, 4 unreachable.
    """
    from ccops.cli.kafkaview import topics_report
    from ccops.kafka.topics import check_topics

    profile = profile_of(env, project)
    with opened(profile, timeout) as broker:
        verdicts = check_topics(broker, profile)
    finish(topics_report(profile, verdicts), output)


@topics.callback()
def _topics() -> None:
    """Hold topics against the contract (a group even while it has one command only)."""


@naming.command(name="check")
def naming_check(
    env: EnvOption = "dev",
    timeout: TimeoutOption = 10.0,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Hold the name of every topic and group against cc.<domain>.<purpose>.<env>.

    ccops kafka naming check

    Exit codes: 0 all right, 1 some are not or nothing is there, 4 unreachable.
    """
    from ccops.cli.kafkaview import naming_report
    from ccops.kafka.topics import check_names

    profile = profile_of(env, project)
    with opened(profile, timeout) as broker:
        looked, wrong = check_names(broker, profile)
    finish(naming_report(profile, looked, wrong), output)


@naming.callback()
def _naming() -> None:
    """Hold names against the standard (a group even while it has one command only)."""


kafkamoves.register(app)
