"""Kafka to ClickHouse: a few consumer groups, each in its own thread; insert first, commit afterwards.

At least once: dying between the two costs a repeat that ClickHouse tells apart by event_id. While ClickHouse
is down nothing is committed and the batch is kept.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ccops.backend.db import Connection
from ccops.backend.olap.domains import DOMAINS
from ccops.backend.olap.pump import Pump
from ccops.backend.olap.status import Status
from ccops.backend.repositories import outbox
from ccops.backend.utils.tasks import cancel

_LOOK_S = 0.5
_FRESH_S = 5.0


async def run(conn: Connection, beat: Callable[[], None]) -> None:
    """Pump until cancelled; then every consumer leaves its group."""
    stop = threading.Event()
    pumps = [Pump(domain, stop) for domain in DOMAINS]
    status = Status([pump.progress for pump in pumps])
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(len(pumps), thread_name_prefix="ingester") as threads:
        running = [loop.run_in_executor(threads, pump.run) for pump in pumps]
        telling = asyncio.create_task(status.tell())
        try:
            while not any(task.done() for task in running):
                # Without this connection the lock is gone, and another worker ingests.
                await outbox.still_there(conn)
                if all(pump.idle_s() < _FRESH_S for pump in pumps):
                    beat()
                await asyncio.sleep(_LOOK_S)
        finally:
            stop.set()
            await cancel([telling])
            await asyncio.wait(running)
    for task in running:
        task.result()
