"""How many frames of one user go out, and which are not worth sending.

Two kinds of event say how things are now, not what happened: the profile, and the totals of a game. Of those
only the newest counts, so one that a newer one follows within 50 ms is not sent. All others are sent, always,
and what is sent keeps the order of the outbox.

Above the rate (a token bucket) a user's frames are gathered for a moment, and of the gathered ones every
superseded state is left out, whatever its age. Money waits for nobody: an event about it releases all that
stands before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import orjson

from ccops.backend.core.config import settings
from ccops.backend.repositories.outbox import OutboxRow

MONEY = ("reward_granted", "purchase_update")
COALESCED = ("profile_update", "stats_update")
WINDOW = timedelta(milliseconds=50)
# A bucket that nobody asked for so long is full again.
_FORGET_ABOVE = 10_000


@dataclass(frozen=True, slots=True)
class Sorted:
    """A batch, sorted: `send` in outbox order, and `superseded`. Rows in neither wait."""

    send: list[OutboxRow] = field(default_factory=list)
    superseded: list[OutboxRow] = field(default_factory=list)


@dataclass(slots=True)
class Bucket:
    """Tokens of one user; below zero after a burst that could not wait."""

    tokens: float
    at: float

    def refill(self, now: float) -> None:
        """Add what time brought."""
        self.tokens = min(settings.realtime_burst, self.tokens + (now - self.at) * settings.realtime_rate)
        self.at = now

    def take(self, count: int) -> None:
        """Take tokens, also those that are not there."""
        self.tokens = max(-settings.realtime_burst, self.tokens - count)


class Throttle:
    """Buckets and waiting users of one relay; losing them with the process costs a little rate."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[int, Bucket] = {}
        self._until: dict[int, float] = {}

    def waiting(self) -> list[int]:
        """Return the users whose rows need not be read yet."""
        now = self._clock()
        return [user_id for user_id, until in self._until.items() if until > now]

    def release(self, users: Iterable[int]) -> None:
        """Let users go on at once."""
        for user_id in users:
            self._until[user_id] = self._clock()

    def sort(self, rows: Sequence[OutboxRow]) -> Sorted:
        """Say of each row whether it is sent, superseded, or waits."""
        of_user: dict[int, list[OutboxRow]] = {}
        for row in rows:
            of_user.setdefault(row.user_id, []).append(row)
        send, superseded = list[OutboxRow](), list[OutboxRow]()
        for user_id, mine in of_user.items():
            kept, gone = self._judge(user_id, mine)
            send += kept
            superseded += gone
        self._forget()
        return Sorted(sorted(send, key=lambda row: row.id), superseded)

    def _judge(self, user_id: int, rows: Sequence[OutboxRow]) -> tuple[list[OutboxRow], list[OutboxRow]]:
        now = self._clock()
        bucket = self._buckets.setdefault(user_id, Bucket(settings.realtime_burst, now))
        bucket.refill(now)
        short = bucket.tokens < 1
        if short and user_id not in self._until and not any(row.type in MONEY for row in rows):
            self._until[user_id] = now + settings.realtime_hold_ms / 1000
            return [], []
        if self._until.get(user_id, now) > now:
            return [], []
        self._until.pop(user_id, None)
        kept, gone = coalesce(rows, None if short else WINDOW)
        bucket.take(len(kept))
        return kept, gone

    def _forget(self) -> None:
        if len(self._buckets) > _FORGET_ABOVE:
            now = self._clock()
            rest_s = 2 * settings.realtime_burst / settings.realtime_rate
            self._buckets = {one: b for one, b in self._buckets.items() if now - b.at < rest_s}


def coalesce(rows: Sequence[OutboxRow], window: timedelta | None) -> tuple[list[OutboxRow], list[OutboxRow]]:
    """Split one user's rows into those to send and those that a newer one follows (within `window`)."""
    kept, gone = list[OutboxRow](), list[OutboxRow]()
    next_of: dict[tuple[str, str], OutboxRow] = {}
    for row in reversed(rows):
        if row.type not in COALESCED:
            kept.append(row)
            continue
        what = (row.type, _subject(row))
        newer = next_of.get(what)
        next_of[what] = row
        close = newer is not None and (window is None or newer.created_at - row.created_at <= window)
        (gone if close else kept).append(row)
    return kept[::-1], gone[::-1]


def _subject(row: OutboxRow) -> str:
    """Return what the state is about: totals of one game do not replace those of another."""
    if row.type != "stats_update":
        return ""
    return str(orjson.loads(row.data)["stats"]["game_type"])
