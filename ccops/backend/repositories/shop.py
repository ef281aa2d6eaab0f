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


async def has_answer(conn: Connection, user_id: int, *, scope: str, key: str) -> bool:
    """Return whether an idempotency key has its answer already."""
    found = await conn.fetchval(
        "SELECT true FROM idempotency_keys WHERE user_id = $1 AND scope = $2 AND key = $3",
        user_id,
        scope,
        key,
    )
    return found is True


async def tell_refusal(
    conn: Connection,
    user_id: int,
    *,
    product_id: str,
    quantity: int,
    status: str,
    reason: str,
    key: str,
) -> None:
    """Send the user's sockets a purchase_update about a purchase that was refused."""
    await conn.execute(
        "SELECT cc_buy_refused($1, $2, $3, $4, $5, $6, $7)",
        call_context(),
        user_id,
        product_id,
        quantity,
        status,
        reason,
        key,
    )


async def find_offer(conn: Connection, product_id: str) -> Mapping[str, object] | None:
    """Return kind and payment (priced in cents) of a product, None when there is no such product."""
    return await conn.fetchrow(
        "SELECT kind, price_cents IS NOT NULL AS payment FROM products WHERE id = $1", product_id
    )


async def change_product(
    conn: Connection,
    actor_id: int,
    *,
    product_id: str,
    price: int | None,
    gold_amount: int | None,
    active: bool | None,
    reason: str,
) -> Mapping[str, object]:
    """Change what is not None, with an audit row; returns the product."""
    row = await conn.fetchrow(
        """SELECT id, title, kind, price_gold, price_cents, gold_amount, min_rank, adult_only, active
             FROM cc_product_change($1, $2, $3, $4, $5, $6, $7)""",
        call_context(),
        actor_id,
        product_id,
        price,
        gold_amount,
        active,
        reason,
    )
    assert row is not None  # the function refuses with NOT_FOUND
    return row


async def list_products(conn: Connection) -> list[Mapping[str, object]]:
    """Return what is on sale now."""
    return await conn.fetch(
        """SELECT id, title, kind, price_gold, price_cents, gold_amount, min_rank, adult_only
             FROM products
            WHERE active AND kind IN ('item', 'gold_pack', 'battle_pass')
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
