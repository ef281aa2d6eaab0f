"""Execute a plan, in the order in which every step can still be taken back.

Snapshot on disk, silence, the state once more, one write, read back, lag, audit; and the silence ends only
when the lag would not ring.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ccops.core.clock import iso
from ccops.core.errors import CcopsError, Degraded, Refused, Unreachable
from ccops.kafka import audit, journal
from ccops.kafka.guard import check_commits, check_fresh
from ccops.kafka.lag import lag_of
from ccops.kafka.look import look, looked_after
from ccops.kafka.model import Observed
from ccops.kafka.plan import Plan
from ccops.kafka.run import Context
from ccops.kafka.silence import Silence, begin_silence, open_silencer
from ccops.kafka.snapshot import Who, take
from ccops.kafka.write import Ending, Written, write_offsets
from ccops.stack.control import uninterrupted

# What reading the answer of something else than Alertmanager ends in: a login page, a proxy.
_ODD = (ValueError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did to one group. `silence` is a sentence, empty when there was none to speak of."""

    run_id: str
    action: str
    plan: Plan
    ending: str
    snapshot: Path | None = None
    silence: str = ""
    lag_before: int | None = None
    lag_after: int | None = None
    notes: tuple[str, ...] = ()


def perform(context: Context, plan: Plan, who: Who, action: str, observed: Observed) -> Outcome:
    """Execute `plan`, which `observed` has just confirmed; only under the lock.

    Whatever stops it before the write leaves neither a silence nor an open run. Raises Refused before the
    write, Degraded or Unreachable after it.
    """
    path = context.folder / "snapshots" / f"{who.run_id}.json"
    take(path, observed, plan.env, who, context.clock.now(), {one.place: one.offset for one in plan.moving})
    context.tell(f"snapshot {path}")
    before = lag_of(observed).total
    entry = audit.Entry(
        "started",
        action,
        who,
        plan.env,
        plan.cluster,
        plan.group,
        context.clock.now(),
        snapshot=str(path),
        lag_before=before,
    )
    run = journal.Entry(
        context.folder / "runs" / f"{who.run_id}.json",
        who,
        action,
        plan.group,
        plan.cluster,
        path,
        silenced=bool(context.alertmanager),
    )
    silence: Silence | None = None
    try:
        journal.write(run)  # before the first line of the log: whatever has a beginning there gets an end
        context.audit(entry)
        silence = _silence(context, plan.group, who)
        run = journal.writing(run)  # before the last look: between that and the write there is no disk
        check_fresh(plan, look(context, plan))
        check_commits(plan, context.broker.committed(plan.group, stable=True))
    except BaseException as error:
        with uninterrupted():
            said = error.message if isinstance(error, CcopsError) else type(error).__name__
            end_silence(context, silence, plan.group, who)
            finish(context, entry, outcome="refused", detail=said)
            journal.close(run)
        raise
    with uninterrupted():  # from here to the audit line there is no good moment to stop
        return _written(context, plan, run, entry, silence, observed)


def _written(
    context: Context,
    plan: Plan,
    run: journal.Entry,
    entry: audit.Entry,
    silence: Silence | None,
    observed: Observed,
) -> Outcome:
    restore = restore_command(plan.env, run.snapshot)
    written = write_offsets(context.broker, plan.group, plan.moving, observed.committed, restore)
    context.tell(f"write: {written.ending}, read back {len(written.after)} partition(s)")
    lag_after, said = None, ""
    if written.ending is not Ending.UNKNOWN:
        lag_after, written = looked_after(context, plan, written, restore)
        quiet = written.ending in {Ending.NOTHING, Ending.UNDONE}
        said = settle_silence(context, silence, plan.group, run.who, lag_after, quiet=quiet)
    detail = written.failure.message if written.failure else written.note
    closing = replace(
        entry,
        lag_after=lag_after,
        silence=said,
        moved=[
            audit.Moved(
                one.place,
                one.before,
                one.offset,
                written.after[one.place].offset if one.place in written.after else None,
            )
            for one in plan.moving
        ],
    )
    try:
        missing = finish(context, closing, outcome=written.ending.value, detail=detail)
    except Refused as error:  # it was written, so that "refused, nothing was changed" would be a lie
        raise _unlogged(plan.group, written, error, restore) from error
    if written.ending is not Ending.UNKNOWN:  # the next call finds that one and looks again
        journal.close(run)
    if written.failure is not None:
        raise written.failure
    notes = tuple(note for note in (written.note, missing) if note)
    return Outcome(
        run.who.run_id,
        run.action,
        plan,
        written.ending.value,
        run.snapshot,
        said,
        entry.lag_before,
        lag_after,
        notes,
    )


def finish(context: Context, entry: audit.Entry, *, outcome: str, detail: str) -> str:
    """Write how the run ended to the log and the table; return a note when the table was not there."""
    done = replace(entry, event="finished", outcome=outcome, detail=detail, at=context.clock.now())
    context.audit(done)
    missing = audit.record_table(context.profile, done)
    return f"not in the table consumer_offsets: {missing}" if missing else ""


def restore_command(env: str, snapshot: Path) -> str:
    """Return the call that puts everything back."""
    return f"ccops kafka restore {snapshot} --env {env} --apply"


def _silence(context: Context, group: str, who: Who) -> Silence | None:
    if not context.alertmanager:
        return None
    try:
        made = begin_silence(context.alertmanager, group, who, context.options.lease, context.clock)
    except _ODD as error:
        raise Refused(
            "KAFKA_SILENCE_IMPOSSIBLE",
            f"the lag alert of {group} can't be silenced, so nothing was changed",
            evidence=f"what answers at CCOPS_ALERTMANAGER_URL is no Alertmanager: {_said(error)}",
            next_step="correct the address, or --no-silence and let it ring",
        ) from error
    context.tell(f"silence {made.ident} until {iso(made.ends_at)}")
    return made


def _said(error: Exception) -> str:
    return error.message if isinstance(error, CcopsError) else f"{type(error).__name__}: {error}"


def settle_silence(
    context: Context, silence: Silence | None, group: str, who: Who, lag: int | None, *, quiet: bool
) -> str:
    """End the silence when the alert would not ring, else keep it; return what was done as a sentence."""
    if silence is None:
        if not context.options.silence:
            return "no silence, as asked: the lag alert may ring"
        return "no Alertmanager is configured (CCOPS_ALERTMANAGER_URL): nothing was silenced"
    if quiet or (lag is not None and lag < context.threshold):
        return end_silence(context, silence, group, who)
    try:
        with open_silencer(context.alertmanager, context.clock) as silencer:
            silence = silencer.begin(group, who, context.options.lease)
    except (Unreachable, *_ODD) as error:
        return f"silence {silence.ident} could not be extended: {_said(error)}"
    return (
        f"silence {silence.ident} kept until {iso(silence.ends_at)}: lag {lag} is not below "
        f"{context.threshold}; it ends by itself"
    )


def end_silence(context: Context, silence: Silence | None, group: str, who: Who) -> str:
    """End the run's silence, found by its author when its id is not known; return what was done."""
    if not context.alertmanager:
        return ""
    try:
        with open_silencer(context.alertmanager, context.clock) as silencer:
            ident = silence.ident if silence else silencer.find(group, who.run_id)
            if not ident:
                return ""
            silencer.end(ident)
    except (Unreachable, *_ODD) as error:
        return f"the silence could not be ended ({_said(error)}); its lease ends it"
    return f"silence {ident} ended"


def _unlogged(group: str, written: Written, error: Refused, restore: str) -> Degraded:
    failed = f"{written.failure.code}: {written.failure.message}\n" if written.failure else ""
    return Degraded(
        "KAFKA_AUDIT_LOST",
        f"{group}: {written.ending.value}, but the audit log could not be written",
        evidence=f"{failed}{error.message}",
        next_step=f"make room; the next --apply writes the line that is missing; undo: {restore}",
    )
