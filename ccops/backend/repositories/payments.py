"""SQL of payments."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

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
) -> Mapping[str, object]:
    """Apply a payment event; returns its outcome and the kind of what it pays for (None when unknown)."""
    row = await conn.fetchrow(
        "SELECT outcome, flow FROM cc_settle($1, $2, $3, $4, $5, $6, $7)",
        call_context(),
        provider,
        event_id,
        kind,
        receipt,
        amount_cents,
        payload,
    )
    assert row is not None  # a function with OUT parameters always answers one row
    return row


async def decide(
    conn: Connection, actor_id: int, transaction_id: UUID, *, amount_cents: int, approve: bool, reason: str
) -> Mapping[str, object]:
    """Settle an open payment by hand; returns the answer."""
    answer = await conn.fetchval(
        "SELECT cc_settle_by_hand($1, $2, $3, $4, $5, $6)",
        call_context(),
        actor_id,
        transaction_id,
        amount_cents,
        approve,
        reason,
    )
    assert isinstance(answer, dict)  # the pool decodes jsonb
    return answer


async def refund(
    conn: Connection, actor_id: int, transaction_id: UUID, *, reason: str, key: str, request_hash: bytes
) -> Mapping[str, object]:
    """Refund once a key; returns status, body (bytes), replayed."""
    row = await conn.fetchrow(
        "SELECT status, body, replayed FROM cc_refund($1, $2, $3, $4, $5, $6)",
        call_context(),
        actor_id,
        transaction_id,
        reason,
        key,
        request_hash,
    )
    assert row is not None  # a function with OUT parameters always answers one row
    return row


async def count_pending(conn: Connection) -> list[Mapping[str, object]]:
    """Return kind and number of the payments that wait for their provider."""
    return await conn.fetch(
        "SELECT kind, count(*) AS pending FROM shop_transactions WHERE status = 'PENDING' GROUP BY kind"
    )


async def list_pending(
    conn: Connection, provider: str, *, limit: int, without: Collection[str] = ()
) -> list[Mapping[str, object]]:
    """Return the purchases that wait for `provider`, oldest first, but for the receipts `without`."""
    return await conn.fetch(
        """SELECT receipt, amount_cents, trace_id FROM shop_transactions
            WHERE status = 'PENDING' AND provider = $1 AND receipt <> ALL ($3)
            ORDER BY created_at LIMIT $2""",
        provider,
        limit,
        list(without),
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
