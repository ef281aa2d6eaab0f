"""SQL of limited packages and their holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from ccops.backend.db import Connection, call_context

_LIST = """
SELECT p.id, p.product_id, i.title, i.price_gold, i.price_cents, i.gold_amount, i.min_rank, i.adult_only,
       p.stock_total, p.stock_total - p.stock_reserved - p.stock_sold AS stock_left, p.per_user_limit,
       coalesce(p.hold_s, $2) AS hold_s, greatest(p.starts_at, i.starts_at) AS starts_at,
       least(p.ends_at, i.ends_at) AS ends_at,
       CASE WHEN greatest(p.starts_at, i.starts_at) > now() THEN 'upcoming'
            WHEN p.stock_reserved + p.stock_sold >= p.stock_total THEN 'sold_out' ELSE 'open' END AS state,
       coalesce(c.bought, 0) AS mine, h.id AS hold_id, h.expires_at AS hold_expires_at
  FROM limited_packages p
  JOIN products i ON i.id = p.product_id
  LEFT JOIN limited_user_counts c ON c.package_id = p.id AND c.user_id = $1
  LEFT JOIN limited_holds h
    ON h.package_id = p.id AND h.user_id = $1 AND h.status = 'HELD' AND h.expires_at > now()
 WHERE i.active AND coalesce(least(p.ends_at, i.ends_at) > now(), true)
 ORDER BY p.id
"""


@dataclass(frozen=True, slots=True)
class Purchase:
    """One purchase: which package, the ids it will get, under which idempotency key."""

    package_id: str
    named_hold: UUID | None
    hold_id: UUID
    hold_s: int
    transaction_id: UUID
    provider: str
    receipt: str
    key: str
    request_hash: bytes


@dataclass(frozen=True, slots=True)
class Bought:
    """What a purchase answered; `stock_left` is None for a replay."""

    status: int
    body: bytes
    replayed: bool
    stock_left: int | None


async def list_packages(conn: Connection, user_id: int, *, hold_s: int) -> list[Mapping[str, object]]:
    """Return what is on sale or will be, with what the user has of it."""
    return await conn.fetch(_LIST, user_id, hold_s)


async def is_paid_outside(conn: Connection, package_id: str) -> bool | None:
    """Return whether a package is priced in cents; None when there is no such package."""
    found = await conn.fetchval(
        "SELECT i.price_cents IS NOT NULL FROM limited_packages p JOIN products i ON i.id = p.product_id"
        " WHERE p.id = $1",
        package_id,
    )
    return cast(bool | None, found)


async def hold(
    conn: Connection, user_id: int, *, package_id: str, hold_id: UUID, hold_s: int
) -> Mapping[str, object]:
    """Hold one; returns expires_at and stock_left."""
    row = await conn.fetchrow(
        "SELECT expires_at, stock_left FROM cc_limited_hold($1, $2, $3, $4)",
        user_id, package_id, hold_id, hold_s,
    )  # fmt: skip
    assert row is not None  # a function with OUT parameters always answers one row
    return row


async def release(conn: Connection, user_id: int, *, package_id: str) -> bool:
    """Give the user's hold back; False = there was none."""
    return bool(await conn.fetchval("SELECT cc_limited_release($1, $2)", user_id, package_id))


async def buy(conn: Connection, user_id: int, wanted: Purchase) -> Bought:
    """Buy one in one transaction."""
    row = await conn.fetchrow(
        "SELECT status, body, replayed, stock_left"
        "  FROM cc_limited_buy($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        call_context(), user_id, wanted.package_id, wanted.named_hold, wanted.hold_id, wanted.hold_s,
        wanted.transaction_id, wanted.provider, wanted.receipt, wanted.key, wanted.request_hash,
    )  # fmt: skip
    assert row is not None
    return Bought(
        cast(int, row["status"]),
        cast(bytes, row["body"]),
        bool(row["replayed"]),
        cast(int | None, row["stock_left"]),
    )


async def tell_refusal(
    conn: Connection, user_id: int, *, package_id: str, status: str, reason: str, key: str
) -> None:
    """Send the user's sockets a purchase_update about a purchase that was refused."""
    await conn.execute(
        "SELECT cc_limited_refused($1, $2, $3, $4, $5, $6)",
        call_context(), user_id, package_id, status, reason, key,
    )  # fmt: skip
