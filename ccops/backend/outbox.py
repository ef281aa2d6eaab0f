"""The outbox's housekeeping: gauges each second or few, and a day later what both sinks took is deleted."""

from __future__ import annotations

import asyncio
import logging

from ccops.backend import metrics
from ccops.backend.core.errors import ApiError
from ccops.backend.db import Connection, db
from ccops.backend.repositories import outbox

log = logging.getLogger("ccops.backend.outbox")

# Tables whose rows carry the event_id of their event, by topic: the truth of what the outbox has forgotten.
SOURCES = {"actions.events": "user_actions", "games.rounds": "game_rounds", "economy.ledger": "gold_ledger"}

_GAUGES_S = 1.0
# Counting a backlog of a million rows takes a while: ten times as long it rests then, up to five seconds.
_REST, _GAUGES_MOST_S = 10, 5.0
_SWEEP_EVERY = 60
_RETRY_S = 1.0
_SWEEP_ROWS = 1_000
# 'cco' and the last number of its space: the roles of the worker are counted from its first.
_MAY_SWEEP = f"SELECT pg_try_advisory_lock({0x63636FFF})"


async def keep_house() -> None:
    """Run until cancelled, on a connection of its own; PostgreSQL may come and go."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            async with db.dedicated(application_name="worker-housekeeping") as conn:
                turn, sweeps = 0, False
                while True:
                    began = loop.time()
                    for sink, count in (await outbox.pending_counts(conn)).items():
                        metrics.outbox_pending.labels(sink).set(count)
                    rest_s = min(max(_GAUGES_S, _REST * (loop.time() - began)), _GAUGES_MOST_S)
                    if turn % _SWEEP_EVERY == 0:
                        # Of several worker processes one is enough; the lock ends with this connection.
                        sweeps = sweeps or bool(await conn.fetchval(_MAY_SWEEP))
                        if sweeps:
                            await _sweep(conn)
                    turn += 1
                    await asyncio.sleep(rest_s)
        except (ApiError, OSError, TimeoutError) as error:
            log.debug("housekeeping: %s", error)
        except Exception:  # a tidy table is worth less than a running worker
            log.exception("housekeeping")
        await asyncio.sleep(_RETRY_S)


async def _sweep(conn: Connection) -> None:
    while True:
        if await outbox.delete_old(conn, limit=_SWEEP_ROWS) < _SWEEP_ROWS:
            return
