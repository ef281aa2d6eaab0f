"""Remove replay groups that nobody needs any more: deleted ones stop alerting, forgotten ones do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ccops.core.clock import iso
from ccops.kafka import audit, journal
from ccops.kafka.naming import env_of, hour_of
from ccops.kafka.run import Context


@dataclass(frozen=True, slots=True)
class Candidate:
    """A replay group; `why` says why it stays, empty when it may go. `gone` after it was deleted."""

    group: str
    hour: datetime
    state: str
    why: str = ""
    gone: bool = False


def candidates(context: Context, older_than: timedelta) -> tuple[Candidate, ...]:
    """Return every replay group of this environment, with the reason to keep it if there is one."""
    now, marker = context.clock.now(), f".{env_of(context.profile)}.replay."
    found: list[Candidate] = []
    for name, state in sorted(context.broker.groups().items()):
        source, replay, text = name.rpartition(".replay.")
        hour = hour_of(text) if replay and marker in name and source else None
        if hour is None:
            continue
        young = f"from {iso(hour)}, younger than asked" if now - hour <= older_than else ""
        busy = "" if state in {"EMPTY", "DEAD"} else f"{state}: somebody reads with it"
        found.append(Candidate(name, hour, state, busy or young))
    return tuple(found)


def collect(context: Context, found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Delete the candidates that may go; the broker refuses one that has members by now."""
    who, done = context.who("replay-gc"), list[Candidate]()
    with journal.locked(context.folder, who):
        for one in found:
            if one.why:
                done.append(one)
                continue
            refusal = context.broker.delete_group(one.group)
            why = f"{refusal.code}: {refusal.text}" if refusal else ""
            done.append(Candidate(one.group, one.hour, one.state, why, gone=refusal is None))
            context.audit(
                audit.Entry(
                    "finished",
                    "replay-gc",
                    who,
                    context.profile.env,
                    context.broker.cluster().identity,
                    one.group,
                    context.clock.now(),
                    outcome="kept" if refusal else "deleted",
                    detail=why,
                )
            )
    return tuple(done)
