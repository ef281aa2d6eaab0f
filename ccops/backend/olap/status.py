"""What the ingester says about itself: gauges, and one Redis key for the health routes of the backend.

The backend never asks the broker who consumes: it would need a Kafka client for that, and some brokers keep
the name of a consumer long after it died.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

import orjson

from ccops.backend import metrics
from ccops.backend.core.errors import ApiError
from ccops.backend.olap import loss
from ccops.backend.olap.clickhouse_client import StoreDown
from ccops.backend.olap.progress import Progress
from ccops.backend.utils.redis import OLAP_STATUS, best_effort, redis

log = logging.getLogger("ccops.backend.olap")

_TELL_S = 1.0
_FIRST_LOSS_CHECK_S = 5.0
_LOSS_CHECK_S = 30.0


class Status:
    """Tells how the pumps are doing until it is cancelled."""

    def __init__(self, pumps: Sequence[Progress]) -> None:
        self._pumps = pumps

    async def tell(self) -> None:
        """Set the gauges and write the key every second; look for lost events twice a minute."""
        look_at = time.monotonic() + _FIRST_LOSS_CHECK_S
        checking: asyncio.Task[None] | None = None
        try:
            while True:
                for pump in self._pumps:
                    pump.show()
                if time.monotonic() >= look_at and (checking is None or checking.done()):
                    look_at = time.monotonic() + _LOSS_CHECK_S
                    checking = asyncio.create_task(look_for_losses())
                await self._write()
                await asyncio.sleep(_TELL_S)
        finally:
            for pump in self._pumps:
                pump.assigned = 0
                pump.show()
            if checking is not None:
                checking.cancel()

    async def _write(self) -> None:
        groups = {pump.group: pump.summary() for pump in self._pumps}
        said = orjson.dumps({"at": round(time.time(), 3), "groups": groups})
        async with best_effort("the ingester's status"):
            await redis.set(OLAP_STATUS.pattern, said, ex=OLAP_STATUS.ttl_s)


async def look_for_losses() -> None:
    """Set the loss gauges; a store that is away leaves them as they are."""
    try:
        found = await loss.look()
    except (ApiError, StoreDown, OSError, TimeoutError) as error:
        log.debug("no loss check now: %s", error)
        return
    except Exception:  # a gauge is worth less than a running ingester
        log.exception("loss check")
        return
    for table, count in found.items():
        metrics.ingest_missing_ratio.labels(table).set(count.missing_ratio)
        metrics.ingest_checked.labels(table).set(count.sent)
        if count.missing_ratio:
            log.warning("%s: %d of %d events are missing", table, count.sent - count.held, count.sent)
