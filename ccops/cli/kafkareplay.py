"""What ccops kafka replay and replay-gc do with their options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ccops.core.clock import iso
from ccops.core.errors import UsageError
from ccops.core.output import Report
from ccops.kafka.guard import check_confirmed, check_group
from ccops.kafka.handlers import load_handler
from ccops.kafka.naming import hour_of, replay_name
from ccops.kafka.observe import scope_of
from ccops.kafka.plan import Allowed
from ccops.kafka.replay import Tally, replay
from ccops.kafka.replay_gc import Candidate, candidates, collect
from ccops.kafka.run import Context
from ccops.kafka.target import bootstrap_of
from ccops.kafka.times import parse_duration, parse_time
from ccops.kafka.window import Window, find_window

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a replay as they were given."""

    source: str
    topics: Sequence[str]
    start: str
    until: str
    zone: str = ""
    at: str = ""
    rate: float = 0.0
    handler: str = ""
    any_name: bool = False
    allow_clamp: bool = False
    apply: bool = False
    confirm: str = ""


def replay_report(context: Context, asked: Asked) -> Report:
    """Return what a replay would read, or what became of it."""
    profile, now = context.profile, context.clock.now()
    hour = hour_of(asked.at) if asked.at else now
    if hour is None:
        raise UsageError(
            "KAFKA_OPTION_INVALID",
            f"--at {asked.at} is no hour",
            evidence="an hour is YYYYMMDDHH in UTC",
            next_step=f"--at {now:%Y%m%d%H}",
        )
    target = replay_name(asked.source, hour)
    handler = load_handler(asked.handler)
    source = context.broker.describe([asked.source])[asked.source]
    check_group(context.broker, profile, source, Allowed(any_name=asked.any_name))
    start, note = parse_time(asked.start, now, zone=asked.zone, protected=profile.protected)
    until, _ = parse_time(asked.until, now, zone=asked.zone, protected=profile.protected)
    window = find_window(
        context, source, target, scope_of(asked.topics), start, until, allow_clamp=asked.allow_clamp
    )
    notes = [*([note] if note else []), *window.notes]
    if not asked.apply:
        return _report(context, window, asked, notes, None, "")
    check_confirmed(profile, [asked.source], asked.confirm, context.options.reason, "replay")
    tally, run = replay(context, window, handler, rate=asked.rate, bootstrap=bootstrap_of(profile))
    return _report(context, window, asked, notes, tally, run)


def _report(
    context: Context, window: Window, asked: Asked, notes: Sequence[str], tally: Tally | None, run: str
) -> Report:
    done = None if tally is None else _tally_json(tally)
    data: dict[str, object] = {
        "applied": tally is not None,
        "run_id": run or None,
        "source": window.source,
        "group": window.group,
        "from": iso(window.start),
        "until": iso(window.until),
        "records": window.records,
        "spans": [
            {"topic": place[0], "partition": place[1], "first": span.first, "stop": span.stop}
            for place, span in sorted(window.spans.items())
        ],
        "rate": asked.rate or None,
        "handler": asked.handler or "count",
        "idempotency": done,
        "notes": list(notes),
    }

    def text(console: Console) -> None:
        console.print(f"replay  {window.source} as {window.group}", markup=False)
        console.print(f"  window   {iso(window.start)} until {iso(window.until)}", markup=False)
        console.print(f"  records  {window.records} in {len(window.spans)} partition(s)", markup=False)
        for note in notes:
            console.print(f"  note     {note}", markup=False)
        if done is None:
            console.print("nothing was read.\nnext:  the same call with --apply", markup=False)
            return
        console.print(
            "  result   " + ", ".join(f"{key} {value}" for key, value in done.items()), markup=False
        )

    return Report("ccops.kafka.replay/v1", data, env=context.profile.env, text=text)


def _tally_json(tally: Tally) -> dict[str, object]:
    return {
        "read": tally.read,
        "outside_window": tally.outside,
        "events": len(tally.ids),
        "effects": tally.effects,
        "known_already": tally.known,
        "repeated_ids": tally.repeated,
        "resumed_after": tally.resumed,
    }


def gc_report(context: Context, older_than: str, *, apply: bool, confirm: str) -> Report:
    """Return which replay groups may go, or what became of them."""
    found = candidates(context, parse_duration(older_than))
    if apply:
        check_confirmed(context.profile, ["replay-gc"], confirm, context.options.reason, "replay-gc")
        found = collect(context, found)
    data = {
        "applied": apply,
        "groups": [
            {"group": one.group, "state": one.state, "kept_because": one.why or None, "deleted": one.gone}
            for one in found
        ],
    }

    def text(console: Console) -> None:
        for one in found:
            console.print(
                f"  {_word(one, apply=apply):<8} {one.group}  {one.state}  {one.why}".rstrip(), markup=False
            )
        going = sum(not one.why for one in found)
        said = f"{going} deleted" if apply else f"{going} would go; next: the same call with --apply"
        console.print(f"{len(found)} replay group(s), {said}", markup=False)

    return Report("ccops.kafka.replay_gc/v1", data, env=context.profile.env, text=text)


def _word(one: Candidate, *, apply: bool) -> str:
    if one.why:
        return "keep"
    return "deleted" if apply else "delete"
