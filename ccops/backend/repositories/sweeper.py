"""SQL of the sweeper: every statement is a transaction of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast
from uuid import UUID

from ccops.backend.db import Connection, call_context

_NEXT = """
SELECT extract(epoch FROM min(expires_at) - clock_timestamp())::float8
  FROM limited_holds WHERE status = 'HELD'
"""
# A row that is being replayed is locked by nobody: what has expired may go at any moment.
_KEYS = """
WITH gone AS (
    DELETE FROM idempotency_keys WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM idempotency_keys WHERE expires_at <= now() LIMIT $1 FOR UPDATE SKIP LOCKED))
    RETURNING 1
)
SELECT count(*) FROM gone
"""
_PENDING = "SELECT kind, count(*) AS count FROM shop_transactions WHERE status = 'PENDING' GROUP BY kind"


async def expire_holds(conn: Connection, *, limit: int) -> list[UUID | None]:
    """End holds that have expired; returns the purchase that waits for each, None where there is none."""
    rows = await conn.fetch("SELECT shop_tx_id FROM cc_limited_expire($1)", limit)
    return [cast(UUID | None, row["shop_tx_id"]) for row in rows]


async def seconds_to_next(conn: Connection) -> float | None:
    """Return how long the next hold still lives by the database's clock; None when there is none."""
    return cast(float | None, await conn.fetchval(_NEXT))


async def tell_lapsed(conn: Connection, transaction_id: UUID) -> bool:
    """Tell a buyer that the hold under a pending purchase is gone; False when it is no longer pending."""
    return bool(await conn.fetchval("SELECT cc_limited_lapsed($1, $2)", call_context(), transaction_id))


async def delete_keys(conn: Connection, *, limit: int) -> int:
    """Delete idempotency keys that have expired; returns how many."""
    return cast(int, await conn.fetchval(_KEYS, limit))


async def count_pending(conn: Connection) -> Mapping[str, int]:
    """Return how many purchases of each kind wait for their provider."""
    return {str(row["kind"]): cast(int, row["count"]) for row in await conn.fetch(_PENDING)}


async def count_negative(conn: Connection) -> int:
    """Return how many wallets are below zero."""
    return cast(int, await conn.fetchval("SELECT count(*) FROM wallets WHERE gold < 0"))
