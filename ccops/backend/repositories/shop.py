"""SQL of the shop."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from ccops.backend.db import Connection, call_context


async def buy(
    conn: Connection,
    user_id: int,
    *,
    product_id: str,
    quantity: int,
    transaction_id: UUID,
    provider: str,
    receipt: str,
    key: str,
    request_hash: bytes,
) -> Mapping[str, object]:
    """Buy once a key; returns status, body (bytes), replayed."""
    row = await conn.fetchrow(
        "SELECT status, body, replayed FROM cc_buy($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        call_context(),
        user_id,
        product_id,
        quantity,
        transaction_id,
        provider,
        receipt,
        key,
        request_hash,
    )
    assert row is not None  # a function with OUT parameters always answers one row
    return row


async def find_kind(conn: Connection, product_id: str) -> object:
    """Return the kind of a product, None when there is no such product."""
    return await conn.fetchval("SELECT kind FROM products WHERE id = $1", product_id)


async def list_products(conn: Connection) -> list[Mapping[str, object]]:
    """Return what is on sale now."""
    return await conn.fetch(
        """SELECT id, title, kind, price_gold, price_cents, gold_amount, min_rank, adult_only
             FROM products
            WHERE active AND kind IN ('item', 'gold_pack')
              AND (starts_at IS NULL OR starts_at <= now()) AND (ends_at IS NULL OR ends_at > now())
            ORDER BY id"""
    )


async def list_transactions(
    conn: Connection, user_id: int, *, before: int, limit: int
) -> list[Mapping[str, object]]:
    """Return a user's purchases with an id below `before`, newest first."""
    return await conn.fetch(
        """SELECT id, public_id AS transaction_id, product_id, kind, qty, unit_price, status, receipt,
                  amount_cents, failure_reason, trace_id, created_at, settled_at
             FROM shop_transactions WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3""",
        user_id,
        before,
        limit,
    )
