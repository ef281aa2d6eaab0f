"""The sweeper: ends what has expired, and measures what only the database knows. One of all workers leads.

An expired hold goes back on sale within a second; until then it is already useless, because a capture looks
at the database's clock itself. Whoever changes the hold's status first, a capture or the sweeper, has won.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from ccops.backend import metrics
from ccops.backend.core.errors import ApiError
from ccops.backend.db import Connection, translated
from ccops.backend.repositories import sweeper as repository
from ccops.backend.utils.redis import wake_relays

log = logging.getLogger("ccops.backend.sweeper")

HOLDS = 100
KEYS = 500
# A new hold may expire before the one we wait for, so that no sleep is longer than the shortest hold.
_LONGEST_SLEEP_S = 1.0
_SHORTEST_SLEEP_S = 0.02
_PENDING_EVERY_S = 5.0
_SLOW_EVERY_S = 60.0


@dataclass(slots=True)
class Every:
    """A part of the work that is due every `seconds`, at once the first time."""

    seconds: float
    due_at: float = float("-inf")

    def due(self) -> bool:
        """Return whether it is time, and count the next turn from now."""
        moment = time.monotonic()
        if moment < self.due_at:
            return False
        self.due_at = moment + self.seconds
        return True


async def run(conn: Connection, beat: Callable[[], None]) -> None:
    """Sweep until cancelled; sleeps until the next hold expires, at most a second."""
    pending, slow = Every(_PENDING_EVERY_S), Every(_SLOW_EVERY_S)
    while True:
        beat()
        next_s = await repository.seconds_to_next(conn)
        if next_s is not None and next_s <= 0:
            await sweep_holds(conn)
        if pending.due():
            await _measure_pending(conn)
        if slow.due():
            metrics.negative_balance.set(await repository.count_negative(conn))
            await _sweep_keys(conn, beat)
        wanted_s = _LONGEST_SLEEP_S if next_s is None else next_s
        await asyncio.sleep(min(max(wanted_s, _SHORTEST_SLEEP_S), _LONGEST_SLEEP_S))


async def sweep_holds(conn: Connection) -> int:
    """End every expired hold that nobody is capturing; returns how many."""
    swept = 0
    while True:
        ended = await repository.expire_holds(conn, limit=HOLDS)
        swept += len(ended)
        metrics.limited_holds.labels("expired").inc(len(ended))
        await _tell(conn, [transaction for transaction in ended if transaction is not None])
        if len(ended) < HOLDS:
            return swept


async def _tell(conn: Connection, transactions: list[UUID]) -> None:
    told = 0
    for transaction in transactions:
        # The hold is gone whoever hears of it: news that can't be told now must not stop the sweep.
        try:
            with translated():
                told += await repository.tell_lapsed(conn, transaction)
        except ApiError as error:
            log.warning("nobody was told that a hold ran out: %s", error.code)
    if told:
        await wake_relays()


async def _sweep_keys(conn: Connection, beat: Callable[[], None]) -> None:
    while await repository.delete_keys(conn, limit=KEYS) == KEYS:
        beat()


async def _measure_pending(conn: Connection) -> None:
    counts = await repository.count_pending(conn)
    for flow in ("gold_pack", "limited"):
        metrics.purchase_pending.labels(flow).set(counts.get(flow, 0))
