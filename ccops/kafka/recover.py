"""Runs that were interrupted, finished or undone by whoever comes next. Called under the lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ccops.core.errors import CcopsError, Refused, UsageError
from ccops.kafka import audit, journal
from ccops.kafka.apply import end_silence, finish, restore_command
from ccops.kafka.lag import lag_of
from ccops.kafka.model import Committed, Place
from ccops.kafka.observe import Scope, observe
from ccops.kafka.readback import read_back
from ccops.kafka.run import Context
from ccops.kafka.snapshot import Snapshot, load
from ccops.kafka.targets import Target
from ccops.kafka.write import READ_BACK_S, Ending, undo


def recover_all(context: Context) -> tuple[str, ...]:
    """Bring every interrupted run of this cluster to an end; return a sentence for each."""
    return tuple(_recover(context, entry) for entry in journal.unfinished(context.folder))


def pending(context: Context) -> tuple[str, ...]:
    """Return a sentence for each run that waits for recovery; nothing is changed."""
    return tuple(
        f"run {entry.who.run_id} of {entry.group} was interrupted ({entry.phase}); the next --apply ends it"
        for entry in journal.unfinished(context.folder)
    )


def _recover(context: Context, entry: journal.Entry) -> str:
    snapshot = _snapshot(entry)
    context.broker.topics(list(snapshot.topics))  # tells whether this cluster has identities
    here = context.broker.cluster().identity
    if here != entry.cluster:
        raise Refused(
            "KAFKA_RUN_FOREIGN",
            f"run {entry.who.run_id} was interrupted on another cluster",
            evidence=f"it wrote to {entry.cluster}, this is {here}",
            next_step=f"bring that cluster back, or look at {entry.path} and remove it",
        )
    log = audit.Entry(
        "finished",
        entry.action,
        entry.who,
        snapshot.env,
        entry.cluster,
        entry.group,
        context.clock.now(),
        snapshot=str(entry.snapshot),
    )
    if audit.has_ended(context.folder / "audit.jsonl", entry.who.run_id):
        journal.close(entry)
        return f"run {entry.who.run_id} had ended, as the log says; its note is removed"
    if entry.phase == journal.PREPARED:
        if entry.silenced:
            end_silence(context, None, entry.group, entry.who)
        finish(context, log, outcome="abandoned", detail="interrupted before the write")
        journal.close(entry)
        return f"run {entry.who.run_id} was interrupted before it wrote anything; it is closed"
    return _after_write(context, entry, snapshot, log)


def _after_write(context: Context, entry: journal.Entry, snapshot: Snapshot, log: audit.Entry) -> str:
    targets = _targets(snapshot)
    places = [one.place for one in targets]
    after: Mapping[Place, Committed] = read_back(context.broker.bootstrap, entry.group, places, READ_BACK_S)
    done = tuple(one for one in targets if _offset(after, one.place) == one.offset)
    same = [one for one in targets if _offset(after, one.place) == one.before]
    failure: CcopsError | None = None
    if len(done) == len(targets):
        ending, said = Ending.WRITTEN, "had written everything; it is finished"
    elif len(same) == len(targets):
        ending, said = Ending.NOTHING, "had written nothing; it is closed"
    elif len(done) + len(same) == len(targets):
        restore = restore_command(snapshot.env, entry.snapshot)
        result = undo(
            context.broker, entry.group, done, snapshot.committed, "interrupted", restore, len(targets)
        )
        ending, after = result.ending, result.after
        failure = None if ending is Ending.UNDONE else result.failure
        said = "; ".join(["had written a part; that was put back", *([result.note] if result.note else [])])
    else:
        ending, said = Ending.FOREIGN, "can't be told: the group has moved on since; it is closed"
    lag = None if failure else _lag(context, entry, snapshot)
    quiet = ending in {Ending.NOTHING, Ending.UNDONE}
    silence = _settle(context, entry, lag, quiet=quiet) if entry.silenced else ""
    moved = [audit.Moved(one.place, one.before, one.offset, _offset(after, one.place)) for one in targets]
    finish(
        context,
        replace(log, moved=moved, lag_after=lag, silence=silence),
        outcome=ending.value,
        detail=f"interrupted run: {failure.message if failure else said}",
    )
    if ending is not Ending.UNKNOWN:  # what is only partly put back is told once, and must not bar the way
        journal.close(entry)
    if failure is not None:
        raise failure
    return f"run {entry.who.run_id} was interrupted and {said}"


def _snapshot(entry: journal.Entry) -> Snapshot:
    try:
        return load(entry.snapshot)
    except UsageError as error:
        raise Refused(
            "KAFKA_RUN_UNREADABLE",
            f"run {entry.who.run_id} of {entry.group} was interrupted, and its snapshot is gone",
            evidence=f"it was {entry.phase}; {error.evidence}",
            next_step=f"ccops kafka lag --group {entry.group}; if it stands right, remove {entry.path}",
        ) from None


def _settle(context: Context, entry: journal.Entry, lag: int | None, *, quiet: bool) -> str:
    """End the run's silence, or leave it to its lease when the alert would ring."""
    if quiet or (lag is not None and lag < context.threshold):
        return end_silence(context, None, entry.group, entry.who)
    return "the silence is left to its lease"


def _targets(snapshot: Snapshot) -> tuple[Target, ...]:
    return tuple(
        Target(
            place,
            snapshot.committed[place].offset if place in snapshot.committed else None,
            offset,
            0,
            snapshot.latest[place],
        )
        for place, offset in sorted(snapshot.targets.items())
    )


def _offset(found: Mapping[Place, Committed], place: Place) -> int | None:
    commit = found.get(place)
    return commit.offset if commit else None


def _lag(context: Context, entry: journal.Entry, snapshot: Snapshot) -> int | None:
    group = context.broker.describe([entry.group])[entry.group]
    topics = context.broker.topics(list(snapshot.topics))
    scope = Scope({name: frozenset[int]() for name in topics})
    return lag_of(observe(context.broker, group, scope)[0]).total
