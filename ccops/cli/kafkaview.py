"""How lag, groups, topics and names are shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ccops.core.errors import ExitCode
from ccops.core.output import Issue, Report
from ccops.core.profile import Profile
from ccops.kafka.lag import GroupLag, PartitionLag, State
from ccops.kafka.model import Group
from ccops.kafka.naming import Misnamed
from ccops.kafka.target import gaps_of
from ccops.kafka.topics import Verdict

if TYPE_CHECKING:
    from rich.console import Console

_SHOWN = 60
_SAID = {
    State.AHEAD: "committed beyond the end: the topic was truncated or created again",
    State.EXPIRED: "committed before the first record that is left",
}


def lag_report(profile: Profile, lags: Sequence[GroupLag], fail_above: int | None) -> Report:
    """Return the report of `ccops kafka lag`."""
    issues = [issue for lag in lags for issue in _lag_issues(lag, fail_above)]
    bad = any(issue.severity == "error" for issue in issues)
    anonymous = any(lag.cluster.anonymous for lag in lags)
    gaps = gaps_of(profile, anonymous)
    return Report(
        "ccops.kafka.lag/v1",
        {"groups": [lag_data(lag) for lag in lags], "gaps": list(gaps)},
        ExitCode.NEGATIVE if bad else ExitCode.OK,
        env=profile.env,
        issues=tuple(issues),
        started_at=datetime.now(UTC),
        text=lambda console: _print_lags(console, lags, gaps),
    )


def lag_data(lag: GroupLag) -> dict[str, object]:
    """Return one group's lag; `lag` is null where there is no commit or no meaning."""
    return {
        "group": lag.group.name,
        "state": lag.group.state,
        "members": len(lag.group.members),
        "total": lag.total,
        "worst": lag.worst.value,
        "partitions": [
            {
                "topic": one.topic,
                "partition": one.partition,
                "state": one.state.value,
                "committed": one.committed,
                "earliest": one.earliest,
                "latest": one.latest,
                "lag": one.lag,
                "lost": one.lost,
            }
            for one in lag.partitions
        ],
    }


def _lag_issues(lag: GroupLag, fail_above: int | None) -> list[Issue]:
    name, issues = lag.group.name, list[Issue]()
    for state, said in _SAID.items():
        if found := [one for one in lag.partitions if one.state is state]:
            first = found[0]
            where = f"{first.topic}:{first.partition}"
            evidence = f"{where}: committed {first.committed}, {first.earliest} to {first.latest}"
            issues.append(
                Issue(
                    "KAFKA_LAG_AHEAD" if state is State.AHEAD else "KAFKA_LAG_EXPIRED",
                    f"{name}: {len(found)} partition(s) {said}",
                    "error" if fail_above is not None else "warning",
                    evidence,
                    f"ccops kafka reset --group {name} --topic {first.topic} --to-earliest",
                )
            )
    if fail_above is not None and lag.total > fail_above:
        issues.append(
            Issue(
                "KAFKA_LAG_HIGH",
                f"{name} is {lag.total} behind, more than {fail_above}",
                evidence=f"{lag.group.state} with {len(lag.group.members)} member(s)",
                next_step="ccops kafka groups    shows whether anybody consumes",
            )
        )
    if fail_above is not None and not lag.partitions:
        issues.append(Issue("NOTHING_CHECKED", f"{name} has committed nothing", next_step="--topic NAME"))
    return issues


def _print_lags(console: Console, lags: Sequence[GroupLag], gaps: Sequence[str]) -> None:
    for lag in lags:
        group = lag.group
        head = f"{group.name}  {group.state}, {len(group.members)} member(s)  lag {lag.total}"
        console.print(head, markup=False)
        for one in lag.partitions[:_SHOWN]:
            console.print(_lag_line(one), markup=False)
        if len(lag.partitions) > _SHOWN:
            console.print(f"  and {len(lag.partitions) - _SHOWN} partitions more: -o json", markup=False)
    for gap in gaps:
        console.print(f"note  {gap}", markup=False)


def _lag_line(one: PartitionLag) -> str:
    lag = "-" if one.lag is None else str(one.lag)
    lost = f"  {one.lost} lost to retention" if one.lost else ""
    commit = "-" if one.committed is None else str(one.committed)
    ends = f"{one.earliest}..{one.latest:<10}"
    word = "" if one.state is State.OK else one.state.value
    line = f"  {one.topic}:{one.partition:<4} {commit:>10} of {ends} lag {lag:>8}  {word}"
    return f"{line}{lost}".rstrip()


def groups_report(profile: Profile, groups: Sequence[Group]) -> Report:
    """Return the report of `ccops kafka groups`."""
    data = [
        {
            "group": one.name,
            "state": one.state,
            "members": [
                {"member_id": who.member_id, "client_id": who.client_id, "host": who.host}
                for who in one.members
            ],
        }
        for one in groups
    ]
    gaps = gaps_of(profile, anonymous=False)

    def text(console: Console) -> None:
        width = max((len(one.name) for one in groups), default=0)
        for one in groups:
            who = ", ".join(f"{item.client_id} {item.host}" for item in one.members[:3])
            more = f" and {len(one.members) - 3} more" if len(one.members) > 3 else ""
            line = f"  {one.name:<{width}}  {one.state:<7} {len(one.members):>3} member(s)  {who}{more}"
            console.print(line.rstrip(), markup=False)
        console.print(f"{len(groups)} groups", markup=False)
        for gap in gaps:
            console.print(f"note  {gap}", markup=False)

    body = {"groups": data, "gaps": list(gaps)}
    return Report("ccops.kafka.groups/v1", body, env=profile.env, text=text)


def naming_report(profile: Profile, looked: int, wrong: Sequence[Misnamed]) -> Report:
    """Return the report of `ccops kafka naming check`; nothing to look at is no success."""
    issues = [
        Issue("KAFKA_MISNAMED", f"{one.kind} {one.name}", evidence=one.why, next_step="rename or retire it")
        for one in wrong
    ]
    if not looked:
        issues.append(Issue("NOTHING_CHECKED", "there is no topic and no group", next_step="ccops up"))
    return Report(
        "ccops.kafka.naming/v1",
        {"looked_at": looked, "misnamed": [{"kind": o.kind, "name": o.name, "why": o.why} for o in wrong]},
        ExitCode.NEGATIVE if issues else ExitCode.OK,
        env=profile.env,
        issues=tuple(issues),
        text=lambda console: console.print(f"{looked} names, {len(wrong)} not to the standard", markup=False),
    )


def topics_report(profile: Profile, verdicts: Sequence[Verdict]) -> Report:
    """Return the report of `ccops kafka topics check`."""
    issues = [
        Issue(one.code, f"{one.topic}: {one.said}", one.severity, next_step=one.next_step)
        for one in verdicts
        if one.code
    ]
    bad = any(issue.severity == "error" for issue in issues)
    rows = [
        {"topic": one.topic, "partitions": one.partitions, "declared": one.declared, "said": one.said}
        for one in verdicts
    ]

    def text(console: Console) -> None:
        for one in verdicts:
            word = "ok" if not one.code else "FAIL" if one.severity == "error" else "warn"
            console.print(f"  {word:<4} {one.topic}  {one.said}", markup=False)

    code = ExitCode.NEGATIVE if bad or not verdicts else ExitCode.OK
    return Report(
        "ccops.kafka.topics/v1", {"topics": rows}, code, env=profile.env, issues=tuple(issues), text=text
    )
