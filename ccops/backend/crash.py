"""The role that books rounds of crash.

Rounds are driven by bets and by the database's clock, not by this loop: a worker that is late or dead changes
no outcome, and the next leader finishes what it finds. While nobody bets there are two small queries twice a
second and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import cast

from ccops.backend import metrics
from ccops.backend.db import Connection
from ccops.backend.repositories import crash as repository
from ccops.backend.repositories.crash import Due
from ccops.backend.rules import exp_of, levels
from ccops.backend.services.crash import new_round, point_of, seed_of
from ccops.backend.services.crash_point import seconds_to
from ccops.backend.services.loops import each
from ccops.backend.utils.redis import wake_relays

log = logging.getLogger("ccops.backend.crash")

_IDLE_S = 0.5
# While a round runs: how long at most until it is noticed that everybody has left.
_STEP_S = 0.25
# Never sooner than this: a bet whose wallet is held by another is tried again and again.
_SHORTEST_S = 0.01
Round = Mapping[str, object]
Beat = Callable[[], None]


async def run(conn: Connection, beat: Beat) -> None:
    """Book rounds until cancelled; the first turn settles what an earlier leader left behind."""
    while True:
        await settle_over(conn, beat)
        row = await repository.find_open(conn)
        if row is None:
            await repository.prepare(conn, new_round())
            wait_s = 0.0
        elif row["status"] in {"WAITING", "BETTING"}:
            wait_s = await _before(conn, row)
        else:
            wait_s = await _running(conn, row, beat)
        beat()
        await asyncio.sleep(wait_s)


async def settle_over(conn: Connection, beat: Beat) -> None:
    """Settle the bets that are still open in rounds that are over.

    All of them: a bet that can't be settled (its win does not fit the wallet) must not hide later rounds.
    """
    for row in await repository.list_unsettled(conn):
        await _settle(conn, row, await repository.list_due(conn, cast(int, row["id"])), beat)


async def _before(conn: Connection, row: Round) -> float:
    """Let a round run when its time has come; return how long to wait."""
    if row["status"] == "WAITING":
        return _IDLE_S
    left_s = -cast(float, row["running_s"])
    if left_s > 0:
        return min(left_s, _IDLE_S)
    await repository.start(conn, cast(int, row["id"]))
    return 0.0


async def _running(conn: Connection, row: Round, beat: Beat) -> float:
    """Settle what is due, end the round at its point or when nobody is left; return how long to wait."""
    round_id, point = cast(int, row["id"]), point_of(row)
    due = await repository.list_due(conn, round_id, until_x100=min(point, cast(int, row["x100"])))
    await _settle(conn, row, due, beat)
    if await repository.end(conn, round_id, point, seed_of(row).hex()):
        return 0.0
    next_auto = await repository.find_next_auto(conn, round_id, until_x100=point)
    growth, running_s = cast(int, row["growth_e6"]), cast(float, row["running_s"])
    # The point itself may still be reached; one hundredth more is the crash.
    next_s = seconds_to(min(next_auto or point + 1, point + 1), growth) - running_s
    return min(max(next_s, _SHORTEST_S), _STEP_S)


async def _settle(conn: Connection, row: Round, due: list[Due], beat: Beat) -> None:
    if not due:
        return
    round_id, point = cast(int, row["id"]), point_of(row)
    exp, steps = exp_of("crash_round"), levels()

    async def one(bet: Due) -> None:
        result = await repository.settle(
            conn, bet.user_id, round_id, point, trace_id=bet.trace_id, exp=exp, levels=steps
        )
        if result is not None:
            metrics.game_rounds.labels("crash", result).inc()
        beat()

    # One at a time: a wallet that somebody holds must not hold up the others, the next turn tries it again.
    await each("crash settlement", due, one)
    await wake_relays()
