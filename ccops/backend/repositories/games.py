"""SQL of games."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from ccops.backend.db import Connection, call_context


async def queue(conn: Connection, user_id: int, *, key: str | None, request_hash: bytes | None) -> None:
    """Wait for the user's turn, in the order that every money function locks: key first, then wallet."""
    if key is not None:
        await conn.fetchrow("SELECT * FROM cc_idem_begin($1, 'slot', $2, $3)", user_id, key, request_hash)
    await conn.fetchval("SELECT cc_lock_wallet($1)", user_id)


async def find_player(conn: Connection, user_id: int) -> Mapping[str, object] | None:
    """Return seed, nonce and age verification."""
    return await conn.fetchrow(
        """SELECT s.server_seed_enc, s.server_seed_hash, s.client_seed, s.nonce,
                  u.age_verified_at IS NOT NULL AS age_verified
             FROM user_seeds s JOIN users u ON u.id = s.user_id WHERE s.user_id = $1""",
        user_id,
    )


async def slot_spin(
    conn: Connection,
    user_id: int,
    *,
    round_id: UUID,
    bet: int,
    payout: int,
    outcome: dict[str, object],
    nonce: int,
    seed_hash: str,
    exp: int,
    levels: list[int],
    key: str | None,
    request_hash: bytes | None,
) -> Mapping[str, object]:
    """Settle a round whose nonce is still free; returns status, body (bytes), replayed."""
    row = await conn.fetchrow(
        """SELECT status, body, replayed
             FROM cc_slot_spin($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
        call_context(),
        user_id,
        round_id,
        bet,
        payout,
        outcome,
        nonce,
        seed_hash,
        exp,
        levels,
        key,
        request_hash,
    )
    assert row is not None  # a function with OUT parameters always answers one row
    return row


async def list_stats(conn: Connection, user_id: int) -> list[Mapping[str, object]]:
    """Return the totals of every game a user has played."""
    return await conn.fetch(
        """SELECT game, plays, wins, losses, wagered, paid
             FROM game_stats WHERE user_id = $1 ORDER BY game""",
        user_id,
    )
