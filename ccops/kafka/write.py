"""The one write, and what it left: nothing is believed that was not read back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ccops.core.errors import CcopsError, Degraded, ExitCode, Refused, Unreachable
from ccops.kafka.asking import COMING
from ccops.kafka.audit import UNKNOWN
from ccops.kafka.broker import Broker
from ccops.kafka.model import Committed, Place, Refusal
from ccops.kafka.plan import place_name
from ccops.kafka.readback import read_back
from ccops.kafka.targets import Target

READ_BACK_S = 20.0
BEGIN_S = 10.0
_PAUSE_S = 0.2
_SHOWN = 5
_JOINED = frozenset({"UNKNOWN_MEMBER_ID", "NON_EMPTY_GROUP", "ILLEGAL_GENERATION", "REBALANCE_IN_PROGRESS"})


class Ending(StrEnum):
    """How a write ended, as it was read back."""

    WRITTEN = "written"
    NOTHING = "nothing written"
    UNDONE = "rolled back"
    PARTIAL = "partial"
    FOREIGN = "moved by somebody else"
    UNKNOWN = UNKNOWN


@dataclass(frozen=True, slots=True)
class Written:
    """The end of a write: `after` is what was read back, `failure` what a person is told if it failed."""

    ending: Ending
    after: Mapping[Place, Committed]
    failure: CcopsError | None = None
    note: str = ""


def write_offsets(
    broker: Broker, group: str, targets: tuple[Target, ...], kept: Mapping[Place, Committed], restore: str
) -> Written:
    """Commit `targets` in one call, read them back, and undo a write that was only partly made.

    `kept` is what was committed before, for undoing. `restore` is the command for people, should we fail.
    """
    wanted = {one.place: Committed(one.offset, one.metadata) for one in targets if one.offset is not None}
    end = time.monotonic() + BEGIN_S
    while True:
        refused, lost = dict[Place, Refusal](), ""
        try:
            refused = broker.alter(group, wanted)
        except Unreachable as error:
            lost = error.evidence
        try:
            after = read_back(broker.bootstrap, group, list(wanted), READ_BACK_S)
        except Unreachable as error:
            return Written(Ending.UNKNOWN, {}, _unknown(group, lost or error.evidence, restore))
        if not _beginning(targets, after, refused) or time.monotonic() > end:
            return _judge(broker, group, targets, kept, after, refused, lost, restore)
        time.sleep(_PAUSE_S)


def _beginning(
    targets: tuple[Target, ...], after: Mapping[Place, Committed], refused: Mapping[Place, Refusal]
) -> bool:
    """Return whether a coordinator that is just beginning refused all, and everything still is as it was."""
    if len(refused) != len(targets) or not {one.code for one in refused.values()} <= COMING:
        return False
    return all(_offset(after, one.place) == one.before for one in targets)


def _judge(
    broker: Broker,
    group: str,
    targets: tuple[Target, ...],
    kept: Mapping[Place, Committed],
    after: Mapping[Place, Committed],
    refused: Mapping[Place, Refusal],
    lost: str,
    restore: str,
) -> Written:
    now = {one.place: _offset(after, one.place) for one in targets}
    done = [one for one in targets if now[one.place] == one.offset]
    if len(done) == len(targets):
        note = "the answer to the write was lost; the read-back shows that it was made" if lost else ""
        return Written(Ending.WRITTEN, after, note=note)
    foreign = [one for one in targets if now[one.place] not in {one.offset, one.before}]
    if foreign:
        return Written(Ending.FOREIGN, after, _foreign(group, foreign, now, restore))
    if not done:
        return Written(Ending.NOTHING, after, _nothing(group, refused, lost))
    return undo(broker, group, tuple(done), kept, _reasons(refused, lost), restore, len(targets))


def undo(
    broker: Broker,
    group: str,
    done: tuple[Target, ...],
    kept: Mapping[Place, Committed],
    why: str,
    restore: str,
    of: int,
) -> Written:
    """Put back what was written, if the group is still idle and it still reads as written.

    A partition that had no commit before keeps what was written: no client call takes a commit away.
    """
    places = [one.place for one in done]
    back = {one.place: kept[one.place] for one in done if one.place in kept}
    try:
        idle = broker.describe([group])[group].idle
        now = read_back(broker.bootstrap, group, places, READ_BACK_S)
        same = all(_offset(now, one.place) == one.offset for one in done)
        if not idle or not same:
            return Written(
                Ending.PARTIAL, now, _partial(group, len(done), of, why, restore, "it is in use again")
            )
        if back:
            broker.alter(group, back)
        after = read_back(broker.bootstrap, group, places, READ_BACK_S)
    except Unreachable as error:  # the run stays open, so that the next call goes on from here
        return Written(Ending.UNKNOWN, {}, _unknown(group, error.evidence, restore))
    left = [one for one in done if one.before is not None and _offset(after, one.place) != one.before]
    if left:
        said = f"{len(left)} partition(s) could not be put back, such as {place_name(left[0].place)}"
        return Written(Ending.PARTIAL, after, _partial(group, len(done), of, why, restore, said))
    new = [one for one in done if one.before is None]
    note = ""
    if new:
        note = (
            f"{len(new)} partition(s) had no commit before and keep theirs, {place_name(new[0].place)} first"
        )
    failure = Degraded(
        "KAFKA_ROLLED_BACK",
        f"{group}: {len(done)} of {of} partition(s) were written, and put back as they were",
        evidence="\n".join([why, *([note] if note else [])]),
        next_step="plan again when the cause is gone; ccops kafka lag shows the group as it stands",
    )
    return Written(Ending.UNDONE, after, failure, note)


def _offset(found: Mapping[Place, Committed], place: Place) -> int | None:
    commit = found.get(place)
    return commit.offset if commit else None


def _reasons(refused: Mapping[Place, Refusal], lost: str) -> str:
    lines = [f"{place_name(place)}: {one.code} {one.text}" for place, one in sorted(refused.items())]
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "\n".join(lines[:_SHOWN] + more) or lost or "the broker said nothing and did not write"


def _nothing(group: str, refused: Mapping[Place, Refusal], lost: str) -> CcopsError:
    codes = {one.code for one in refused.values()}
    if codes & _JOINED:
        return Refused(
            "KAFKA_MEMBER_JOINED",
            f"a member joined {group} between the check and the write; nothing was written",
            evidence=_reasons(refused, lost),
            next_step="stop its consumers, then again; --wait 60s waits for them to leave",
        )
    if lost:
        return Unreachable(
            "KAFKA_NOT_WRITTEN",
            f"the broker went away during the write of {group}; it was read back: nothing was written",
            evidence=lost,
            next_step="ccops status, then the same call again",
        )
    return Refused(
        "KAFKA_WRITE_REFUSED",
        f"the broker refused to move {group}; nothing was written",
        evidence=_reasons(refused, lost),
        next_step="read what it says above; ccops kafka groups shows the group",
    )


def _foreign(group: str, foreign: list[Target], now: Mapping[Place, int | None], restore: str) -> CcopsError:
    lines = [
        f"{place_name(one.place)}: wrote {one.offset}, reads {now[one.place]}" for one in foreign[:_SHOWN]
    ]
    return Degraded(
        "KAFKA_VERIFY_MISMATCH",
        f"{group} reads neither as it was nor as it was written: somebody else moves it",
        evidence="\n".join(lines),
        next_step=f"find them first, then: {restore}",
    )


def _partial(group: str, done: int, of: int, why: str, restore: str, not_undone: str) -> CcopsError:
    return Degraded(
        "KAFKA_PARTIAL",
        f"{group}: {done} of {of} partition(s) were written and not put back: {not_undone}",
        evidence=why,
        next_step=restore,
    )


def _unknown(group: str, lost: str, restore: str) -> CcopsError:
    return CcopsError(
        "KAFKA_OUTCOME_UNKNOWN",
        f"the broker went away during the write of {group} and could not be read back",
        evidence=lost,
        next_step=f"when it is back the next --apply looks what was written and finishes it; or: {restore}",
        exit_code=ExitCode.UNREACHABLE,
    )
