"""How a reconciliation looks on a screen and in JSON."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ccops.core.clock import iso
from ccops.core.errors import ExitCode, UsageError, worst
from ccops.core.masking import Masker
from ccops.core.output import Issue, Report
from ccops.core.profile import Profile
from ccops.data.reconcile import Wanted, reconcile
from ccops.data.reconcile_bound import CONFIDENCE
from ccops.data.reconcile_model import Reconciled, Tally, Topic, Verdict, plain
from ccops.data.reconcile_repair import Repair, apply, plan
from ccops.data.reconcile_window import DEFAULT_SETTLE_S, window
from ccops.smoke.durations import parse_duration

if TYPE_CHECKING:
    from rich.console import Console

_SAID = {
    "missing_kafka": "not in Kafka",
    "missing_clickhouse": "not in ClickHouse",
    "foreign_kafka": "in Kafka, unknown to PostgreSQL",
    "foreign_clickhouse": "in ClickHouse, unknown to PostgreSQL",
    "doubled_clickhouse": "more than one row in ClickHouse after FINAL",
    "unreadable": "records without an event (topic:partition:offset)",
}
_NOT_WRONG = frozenset({"unreadable"})


def wanted_of(
    *, since: str, until: str, last: str, settle: str, max_loss: str, by: str, topics: list[str] | None
) -> Wanted:
    """Return what the options ask for. Raises UsageError for what can't be read."""
    looked = window(
        datetime.now(UTC),
        since=since,
        until=until,
        last_s=_seconds("--last", last) if last else None,
        settle_s=_seconds("--settle", settle) if settle else DEFAULT_SETTLE_S,
    )
    return Wanted(looked, _share(max_loss), by, tuple(topics or ()))


def reconcile_report(
    profile: Profile,
    wanted: Wanted,
    *,
    strict: bool = False,
    repair: bool = False,
    do: bool = False,
    confirm: str = "",
) -> Report:
    """Look, plan what is to be repaired, `do` it if asked, and report."""
    begun, started = time.monotonic(), datetime.now(UTC)
    found = reconcile(profile, wanted)
    mended = plan(found) if repair or do else None
    if mended is not None and do:
        mended = apply(profile, mended, confirm=confirm)
    data = as_data(found) | ({"repair": mended.as_data()} if mended else {})
    code = found.exit_code(strict)
    if mended is not None and mended.applied and found.verdict is Verdict.FAIL and _all_mended(found):
        code = ExitCode.OK
    return Report(
        "ccops.data.reconcile/v1",
        data,
        worst([code]),
        env=profile.env,
        issues=() if code is ExitCode.OK else tuple(issues_of(found)),
        started_at=started,
        duration_ms=round((time.monotonic() - begun) * 1000),
        text=lambda console: _print(console, found, mended),
        masker=Masker(found.secrets),
    )


def _all_mended(found: Reconciled) -> bool:
    """Return whether sending again mends everything: nothing foreign, doubled, waiting or without a row."""
    return all(
        topic.tally.lost == len(topic.repair)
        and not (
            topic.tally.foreign_kafka or topic.tally.foreign_clickhouse or topic.tally.doubled_clickhouse
        )
        for topic in found.topics
    )


def as_data(found: Reconciled) -> dict[str, object]:
    """Return the machine form."""
    return {
        "verdict": found.verdict.value,
        "window": found.window.as_data(),
        "events": found.events,
        "judged": found.judged,
        "lost": found.lost,
        "loss": found.lost / found.judged if found.judged else None,
        "loss_bound": {"confidence": CONFIDENCE, "rate": found.bound, "method": "Clopper-Pearson, one-sided"},
        "max_loss": found.max_loss,
        "by": found.by,
        "topics": [_topic(topic, found) for topic in found.topics],
    }


def issues_of(found: Reconciled) -> list[Issue]:
    """Return what is wrong, one issue a topic, and an empty window."""
    issues = []
    for topic in found.topics:
        if topic.verdict(found.max_loss) is Verdict.FAIL:
            said = "; ".join(_wrong(topic)) or f"{topic.tally.lost} lost"
            issues.append(
                Issue(
                    "EVENTS_DIFFER",
                    f"{topic.tally.lost} of {topic.tally.events} events lost: {said}",
                    evidence="\n".join(_samples(topic)),
                    next_step="ccops data reconcile --repair" if topic.repair else "",
                    where=topic.path.topic,
                )
            )
    if found.verdict is Verdict.EMPTY:
        said = f"no event between {iso(found.window.since)} and {iso(found.window.until)}"
        issues.append(Issue("NOTHING_RECONCILED", said, next_step="ccops data reconcile --last 24h"))
    if found.verdict is Verdict.INCONCLUSIVE:
        issues.append(Issue("RECONCILE_INCONCLUSIVE", _why(found), severity="warning"))
    return issues


def _topic(topic: Topic, found: Reconciled) -> dict[str, object]:
    return {
        "topic": topic.path.topic,
        "table": topic.path.table or None,
        "source": topic.path.source or None,
        "verdict": topic.verdict(found.max_loss).value,
        **topic.tally.as_data(),
        "samples": topic.samples,
        "notes": topic.notes,
        **({"by": plain(topic.kinds)} if found.by else {}),
    }


def _wrong(topic: Topic) -> list[str]:
    said = []
    for name, text in _SAID.items():
        if (count := getattr(topic.tally, name)) and name not in _NOT_WRONG:
            said.append(f"{count} {text}")
    if topic.tally.pending:
        said.append(f"{topic.tally.pending} of them still wait in the outbox")
    return said


def _samples(topic: Topic) -> list[str]:
    return [
        f"{_SAID[name]}: {', '.join(ids)}" for name, ids in topic.samples.items() if name not in _NOT_WRONG
    ]


def _why(found: Reconciled) -> str:
    sums = {name: sum(getattr(topic.tally, name) for topic in found.topics) for name in Tally.__slots__}
    words = {
        "fresh": f"not everywhere yet and younger than {found.window.settle_s:g} s",
        "expired": "no longer in Kafka because of its retention",
        "unverifiable": "older than the outbox keeps its rows",
    }
    return "; ".join(f"{sums[name]} {text}" for name, text in words.items() if sums[name])


def _print(console: Console, found: Reconciled, mended: Repair | None) -> None:
    width = max(len(topic.path.topic) for topic in found.topics)
    console.print(f"{iso(found.window.since)} to {iso(found.window.until)}", markup=False)
    console.print(f"  {'':<12} {'':<{width}} {'postgres':>9} {'kafka':>9} {'clickhouse':>10}", markup=False)
    for topic in found.topics:
        tally, verdict = topic.tally, topic.verdict(found.max_loss)
        olap = str(tally.in_clickhouse) if topic.path.table else "-"
        words = _wrong(topic) + ([f"{tally.repeated_kafka} records repeated"] if tally.repeated_kafka else [])
        words += [f"{tally.unreadable} unreadable"] if tally.unreadable else []
        words += [f"{tally.fresh} on their way"] if tally.fresh else []
        line = f"  {verdict:<12} {topic.path.topic:<{width}} {tally.events:>9} {tally.in_kafka:>9} {olap:>10}"
        console.print(f"{line}  {'; '.join(words)}".rstrip(), markup=False)
        for word, part in sorted(topic.kinds.items(), key=lambda one: -one[1].events):
            line = f"  {'':<12} {'  ' + word[: width - 2]:<{width}} {part.events:>9} {part.in_kafka:>9}"
            console.print(f"{line} {part.in_clickhouse:>10}  {part.lost or ''}".rstrip(), markup=False)
    console.print(_sentence(found), markup=False)
    if mended is not None:
        _print_repair(console, mended)


def _sentence(found: Reconciled) -> str:
    if not found.events:
        return f"{found.verdict}: nothing happened in this window, so nothing is proved"
    bound = f"{found.bound * 100:.3g} %"
    fresh = found.events - found.judged
    late = f" ({fresh} more are too young to say)" if fresh else ""
    return (
        f"{found.verdict}: {found.lost} lost of {found.judged} events{late}; "
        f"with {CONFIDENCE:.0%} confidence the loss rate is below {bound}"
    )


def _print_repair(console: Console, mended: Repair) -> None:
    if not mended.steps:
        console.print("repair: nothing to send again", markup=False)
    for step in mended.steps:
        verb = "sent again" if mended.applied else "would be sent again"
        line = f"repair: {step.topic.path.topic}: {step.send_again} {verb}"
        line += f", {step.waiting} wait in the outbox anyway" if step.waiting else ""
        line += f", {step.impossible} have no outbox row" if step.impossible else ""
        console.print(line, markup=False)
    if mended.steps and not mended.applied:
        console.print("a plan; --apply does it", markup=False)


def _seconds(option: str, text: str) -> float:
    try:
        return parse_duration(0 if text == "0" else text)
    except ValueError as error:
        raise UsageError("WINDOW_INVALID", f"{option} {text!r}: {error}", next_step=f"{option} 10m") from None


def _share(text: str) -> float:
    number = text.removesuffix("%").strip()
    try:
        share = float(number) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UsageError(
            "MAX_LOSS_INVALID",
            f"--max-loss {text!r} is no share",
            evidence="a number from 0 to 1, or with a per cent sign",
            next_step="--max-loss 0.5%",
        )
    return share
