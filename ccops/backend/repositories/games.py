"""SQL of the seeded games and their fairness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from ccops.backend.db import Connection, call_context

_REVEALED_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Round:
    """A decided round, to be settled if its nonce is still free."""

    game: str
    round_id: UUID
    bet: int
    payout: int
    result: str
    outcome: dict[str, object]
    nonce: int
    seed_hash: str
    action: str
    metric: str
    exp: int
    levels: list[int]


async def queue(
    conn: Connection,
    user_id: int,
    *,
    scope: str = "",
    key: str | None = None,
    request_hash: bytes | None = None,
) -> None:
    """Wait for the user's turn, in the order that every money function locks: key first, then wallet."""
    if key is not None:
        await conn.fetchrow("SELECT * FROM cc_idem_begin($1, $2, $3, $4)", user_id, scope, key, request_hash)
    await conn.fetchval("SELECT cc_lock_wallet($1)", user_id)


async def find_player(conn: Connection, user_id: int) -> Mapping[str, object] | None:
    """Return seed, nonce and age verification."""
    return await conn.fetchrow(
        """SELECT s.server_seed_enc, s.server_seed_hash, s.client_seed, s.nonce,
                  u.age_verified_at IS NOT NULL AS age_verified
             FROM user_seeds s JOIN users u ON u.id = s.user_id WHERE s.user_id = $1""",
        user_id,
    )


async def play(
    conn: Connection, user_id: int, played: Round, *, key: str | None, request_hash: bytes | None
) -> Mapping[str, object]:
    """Settle a round whose nonce is still free; returns status, body (bytes), replayed."""
    row = await conn.fetchrow(
        """SELECT status, body, replayed
             FROM cc_round($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)""",
        call_context(), user_id, played.game, played.round_id, played.bet, played.payout, played.result,
        played.outcome, played.nonce, played.seed_hash, played.action, played.metric, played.exp,
        played.levels, key, request_hash,
    )  # fmt: skip
    assert row is not None  # a function with OUT parameters always answers one row
    return row


async def rotate(
    conn: Connection,
    user_id: int,
    seed_hash: str,
    server_seed: str,
    *,
    new_enc: bytes,
    new_hash: str,
    client_seed: str | None,
) -> Mapping[str, object]:
    """Replace the seed; returns first_nonce, nonce, client_seed, old_client_seed."""
    row = await conn.fetchrow(
        """SELECT first_nonce, nonce, client_seed, old_client_seed
             FROM cc_seed_rotate($1, $2, $3, $4, $5, $6)""",
        user_id, seed_hash, server_seed, new_enc, new_hash, client_seed,
    )  # fmt: skip
    assert row is not None
    return row


async def list_revealed(conn: Connection, user_id: int) -> list[Mapping[str, object]]:
    """Return the seeds that were rotated away, the newest first."""
    return await conn.fetch(
        """SELECT server_seed, server_seed_hash, client_seed, first_nonce, next_nonce
             FROM revealed_seeds WHERE user_id = $1 ORDER BY revealed_at DESC, next_nonce DESC LIMIT $2""",
        user_id,
        _REVEALED_SHOWN,
    )


async def list_stats(conn: Connection, user_id: int) -> list[Mapping[str, object]]:
    """Return the totals of every game a user has played."""
    return await conn.fetch(
        """SELECT game, plays, wins, losses, wagered, paid
             FROM game_stats WHERE user_id = $1 ORDER BY game""",
        user_id,
    )
