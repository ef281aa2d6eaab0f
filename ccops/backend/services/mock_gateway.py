"""The built-in payment provider: pays every pending gold pack by a signed webhook over real HTTP.

Durable without a queue: what is still to be paid is what is PENDING in the database. The bell after a buy
makes it quick; the poll heals a process that died between the buy and its webhook. Of several processes one
claims a receipt; were it paid twice, the event id is derived from it, so all but one webhook are duplicates.
A payment whose webhook fails waits longer each time, and out of the way of those behind it.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import orjson

from ccops.backend.core.config import settings
from ccops.backend.core.security import sign_webhook
from ccops.backend.db import db
from ccops.backend.repositories import payments as repository
from ccops.backend.services.claims import claimed
from ccops.backend.services.loops import each, forever

if TYPE_CHECKING:
    import httpx

PROVIDER = "mock"
POLL_S = 0.5
BATCH = 50
_LONGEST_S = 60.0
_bell = asyncio.Event()
# Receipt -> (when to try again on the monotonic clock, how long the next wait is).
_later: dict[str, tuple[float, float]] = {}


def wake() -> None:
    """Tell the gateway of this process that there is something to pay."""
    _bell.set()


async def run() -> None:
    """Pay what is pending until cancelled."""
    import httpx

    async with httpx.AsyncClient(base_url=_own_url(), timeout=5, trust_env=False) as client:

        async def pay_pending() -> None:
            async with db.connection() as conn:
                pending = await repository.list_pending(conn, PROVIDER, limit=BATCH, without=_waiting())
            await each("mock-gateway", pending, lambda transaction: _pay_or_wait(client, transaction))

        await forever("mock-gateway", pay_pending, every_s=POLL_S, wake=_bell)


def _waiting() -> list[str]:
    now = time.monotonic()
    for receipt in [receipt for receipt, (due, _) in _later.items() if due < now - 2 * _LONGEST_S]:
        del _later[receipt]  # settled by somebody else
    return [receipt for receipt, (due, _) in _later.items() if due > now]


async def _pay_or_wait(client: httpx.AsyncClient, transaction: Mapping[str, object]) -> None:
    receipt = str(transaction["receipt"])
    _, wait = _later.get(receipt, (0.0, POLL_S))
    _later[receipt] = (time.monotonic() + wait, min(wait * 2, _LONGEST_S))
    async with claimed(f"gateway:{receipt}") as mine:
        if mine:
            await _pay(client, transaction)
    del _later[receipt]


async def _pay(client: httpx.AsyncClient, transaction: Mapping[str, object]) -> None:
    receipt = str(transaction["receipt"])
    body = orjson.dumps(
        {
            "event_id": "evt_" + hashlib.sha256(receipt.encode()).hexdigest()[:32],
            "type": "payment.succeeded",
            "receipt": receipt,
            "amount_cents": transaction["amount_cents"],
        }
    )
    headers = {
        "Content-Type": "application/json",
        "X-CC-Signature": sign_webhook(body, int(time.time())),
        # The webhook belongs to the trace of the buy that it pays for.
        "traceparent": f"00-{transaction['trace_id']}-{receipt.encode().hex()[:16]}-01",
    }
    answer = await client.post(f"/api/payments/webhook/{PROVIDER}", content=body, headers=headers)
    answer.raise_for_status()


def _own_url() -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.http_host, settings.http_host)  # noqa: S104
    return f"http://[{host}]:{settings.http_port}" if ":" in host else f"http://{host}:{settings.http_port}"
