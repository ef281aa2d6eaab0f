"""The worker: `python -m ccops.backend.worker --roles kafka-relay,realtime-relay,ingester`.

Each role has its own task, restart loop, database connection and advisory lock; a role that fails never ends
another. Of several workers one leads a role and the others stand by.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import cast

import uvloop

from ccops.backend import faults, metrics
from ccops.backend.core.config import settings
from ccops.backend.db import Connection, db
from ccops.backend.outbox import keep_house
from ccops.backend.utils.garbage import rarely_collect
from ccops.backend.utils.redis import redis
from ccops.backend.worker_http import serving

log = logging.getLogger("ccops.backend.worker")

_ALIVE_S = 10.0
_STANDBY_S = 0.5
_CANCEL_AGAIN_S = 3.0
_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)
# 'cco' in ASCII, then the role: advisory locks share one number space per database.
_LOCK_BASE = 0x63636F00
Run = Callable[[Connection, Callable[[], None]], Awaitable[None]]
# Modules, not functions: Kafka and ClickHouse clients are loaded only by the roles that use them.
ROLES: Mapping[str, str] = {
    "kafka-relay": "ccops.backend.relays.kafka",
    "realtime-relay": "ccops.backend.relays.realtime",
    "ingester": "ccops.backend.olap.ingest",
    "sweeper": "ccops.backend.sweeper",
    "crash": "ccops.backend.crash",
}


@dataclass(slots=True)
class RoleState:
    """What /health says about a role."""

    name: str
    beat_at: float = field(default_factory=lambda: float("-inf"))
    leads: bool = False
    failures: int = 0
    last_error: str = ""

    def beat(self) -> None:
        """Note that the role ran a loop."""
        self.beat_at = time.monotonic()
        self.failures = 0

    @property
    def alive(self) -> bool:
        """Return whether the role ran a loop lately."""
        return time.monotonic() - self.beat_at < _ALIVE_S


async def keep(state: RoleState, run: Run) -> None:
    """Run a role for ever; whatever it raises is logged, counted and followed by another try."""
    while True:
        try:
            await _lead(state, run)
        except Exception as error:  # the supervisor loop of a role
            state.last_error = f"{type(error).__name__}: {error}"[:300]
            metrics.worker_role_failures.labels(state.name).inc()
            # A store that is away is news once; the traceback is for what nobody expected.
            log.warning("%s failed: %s", state.name, state.last_error, exc_info=state.failures == 0)
        wait_s = _BACKOFF_S[min(state.failures, len(_BACKOFF_S) - 1)]
        state.failures += 1
        await asyncio.sleep(wait_s)


async def _lead(state: RoleState, run: Run) -> None:
    key = _LOCK_BASE + list(ROLES).index(state.name)
    async with db.dedicated(application_name=f"worker-{state.name}") as conn:
        while not await conn.fetchval("SELECT pg_try_advisory_lock($1)", key):
            state.beat()
            await asyncio.sleep(_STANDBY_S)
        state.leads = True
        metrics.worker_role_up.labels(state.name).set(1)
        try:
            await run(conn, state.beat)
        finally:
            state.leads = False
            metrics.worker_role_up.labels(state.name).set(0)


def health_of(states: Sequence[RoleState]) -> tuple[bool, Mapping[str, object]]:
    """Return whether every role runs, and what to show."""
    good = all(state.alive for state in states)
    roles = {
        state.name: {"alive": state.alive, "leads": state.leads, "last_error": state.last_error}
        for state in states
    }
    return good, {"status": "ok" if good else "unavailable", "roles": roles}


async def serve(roles: Sequence[str]) -> None:
    """Run the roles until SIGTERM or SIGINT, then let each close what it opened."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    states = [RoleState(name) for name in roles]
    rarely_collect()
    async with serving(settings.http_host, settings.worker_http_port, lambda: health_of(states)):
        tasks = [asyncio.create_task(keep(state, _load(state.name)), name=state.name) for state in states]
        tasks.append(asyncio.create_task(keep_house(), name="housekeeping"))
        await stop.wait()
        await _end(tasks)
    await redis.aclose()


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel until everybody heard it: a library may swallow a cancellation at the wrong moment."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN_S)


def _load(role: str) -> Run:
    # The module is looked up again at each start of the role, and `run` through the module.
    async def run(conn: Connection, beat: Callable[[], None]) -> None:
        module = await asyncio.to_thread(import_module, ROLES[role])
        await cast(Run, module.run)(conn, beat)

    return run


def main(argv: list[str] | None = None) -> int:
    """Parse `--roles` and serve."""
    parser = argparse.ArgumentParser(prog="python -m ccops.backend.worker")
    parser.add_argument("--roles", default=",".join(ROLES), help=f"comma list of {', '.join(ROLES)}")
    roles = [name for name in parser.parse_args(argv).roles.split(",") if name]
    unknown = [name for name in roles if name not in ROLES]
    if unknown or not roles:
        parser.error(f"unknown roles {', '.join(unknown)}; known: {', '.join(ROLES)}")
    if settings.fault:
        faults.plant(settings.fault)
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvloop.run(serve(list(dict.fromkeys(roles))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
