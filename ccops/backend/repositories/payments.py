"""SQL of payments."""

from __future__ import annotations

from collections.abc import Mapping

from ccops.backend.db import Connection, call_context


async def settle(
    conn: Connection,
    *,
    provider: str,
    event_id: str,
    kind: str,
    receipt: str,
    amount_cents: int,
    payload: dict[str, object],
) -> str:
    """Apply a payment event; returns processed, duplicate, ignored, review or unknown."""
    outcome = await conn.fetchval(
        "SELECT outcome FROM cc_settle($1, $2, $3, $4, $5, $6, $7)",
        call_context(),
        provider,
        event_id,
        kind,
        receipt,
        amount_cents,
        payload,
    )
    return str(outcome)


async def list_pending(conn: Connection, provider: str, *, limit: int) -> list[Mapping[str, object]]:
    """Return the purchases that wait for `provider`, oldest first."""
    return await conn.fetch(
        """SELECT receipt, amount_cents, trace_id FROM shop_transactions
            WHERE status = 'PENDING' AND provider = $1 ORDER BY created_at LIMIT $2""",
        provider,
        limit,
    )


async def list_settleable(conn: Connection, *, limit: int) -> list[Mapping[str, object]]:
    """Return the kept events of the last day whose purchase exists by now, oldest first."""
    return await conn.fetch(
        """SELECT e.provider, e.event_id, e.type AS kind, e.receipt, e.amount_cents, e.payload
             FROM payment_events e
             JOIN shop_transactions t ON t.provider = e.provider AND t.receipt = e.receipt
            WHERE e.processed_at IS NULL AND e.received_at > now() - interval '24 hours'
            ORDER BY e.received_at LIMIT $1""",
        limit,
    )
