"""SQL of crash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from ccops.backend.core.config import settings
from ccops.backend.db import Connection, call_context

# Every look at a round brings the clock's reading of it.
_LOOK = """
SELECT r.id, r.public_id, r.seed_hash, r.seed_enc, r.seed, r.crash_x100, r.edge_bp, r.max_x100, r.growth_e6,
       r.status, r.opened_at, r.starts_at, clock_timestamp() AS now,
       cc_crash_x100(r, clock_timestamp()) AS x100,
       extract(epoch FROM clock_timestamp() - r.starts_at)::float8 AS running_s
  FROM crash_rounds r
"""
_UNSETTLED = f"""
{_LOOK}
 WHERE r.status = 'CRASHED' AND r.id IN (SELECT b.round_id FROM crash_bets b WHERE b.status = 'OPEN')
 ORDER BY r.id LIMIT 100
"""  # noqa: S608 - the only thing interpolated is our own query


@dataclass(frozen=True, slots=True)
class Candidate:
    """A round with a committed seed; it becomes one when there is none that waits for bets."""

    public_id: UUID
    seed_hash: str
    seed_enc: bytes
    edge_bp: int
    max_x100: int
    growth_e6: int


@dataclass(frozen=True, slots=True)
class Due:
    """An open bet that may have to be settled."""

    user_id: int
    trace_id: str


async def bet(
    conn: Connection,
    user_id: int,
    amount: int,
    auto_x100: int | None,
    *,
    bet_id: UUID,
    spare: Candidate,
    key: str | None,
    request_hash: bytes | None,
) -> Mapping[str, object]:
    """Bet in the round that takes bets; returns status, body (bytes), replayed."""
    row = await conn.fetchrow(
        """SELECT status, body, replayed
             FROM cc_crash_bet($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)""",
        call_context(), user_id, amount, auto_x100, bet_id, spare.public_id, spare.seed_hash, spare.seed_enc,
        spare.edge_bp, spare.max_x100, spare.growth_e6, settings.crash_betting_s, key, request_hash,
    )  # fmt: skip
    assert row is not None
    return row


async def cash_out(
    conn: Connection,
    user_id: int,
    round_id: int,
    crash_x100: int,
    *,
    exp: int,
    levels: list[int],
    key: str | None,
    request_hash: bytes | None,
) -> Mapping[str, object]:
    """Leave a round whose crash point is `crash_x100`; returns status, body (bytes), replayed."""
    row = await conn.fetchrow(
        "SELECT status, body, replayed FROM cc_crash_cashout($1, $2, $3, $4, $5, $6, $7, $8)",
        call_context(), user_id, round_id, crash_x100, exp, levels, key, request_hash,
    )  # fmt: skip
    assert row is not None
    return row


async def settle(
    conn: Connection,
    user_id: int,
    round_id: int,
    crash_x100: int,
    *,
    trace_id: str,
    exp: int,
    levels: list[int],
) -> str | None:
    """Settle a bet if its time has come: win, lose, or None. The records carry the bet's own trace id."""
    context = {"trace_id": trace_id, "request_id": "crash-settle", "env": settings.app_env}
    return cast(
        str | None,
        await conn.fetchval(
            "SELECT cc_crash_settle($1, $2, $3, $4, $5, $6)",
            context, user_id, round_id, crash_x100, exp, levels,
        ),
    )  # fmt: skip


async def find_last(conn: Connection) -> Mapping[str, object] | None:
    """Return the newest round with the clock's reading of it."""
    return await conn.fetchrow(f"{_LOOK} ORDER BY r.id DESC LIMIT 1")


async def find_open(conn: Connection) -> Mapping[str, object] | None:
    """Return the round that is not over."""
    return await conn.fetchrow(f"{_LOOK} WHERE r.status <> 'CRASHED'")


async def find_round(conn: Connection, public_id: UUID) -> Mapping[str, object] | None:
    """Return a round by what the outside calls it."""
    return await conn.fetchrow(f"{_LOOK} WHERE r.public_id = $1", public_id)


async def find_bet_on(conn: Connection, user_id: int, public_id: UUID | None) -> Mapping[str, object] | None:
    """Return the round of a user's bet: of the given one, or of their last."""
    return await conn.fetchrow(
        f"""{_LOOK} JOIN crash_bets b ON b.round_id = r.id
             WHERE b.user_id = $1 AND ($2::uuid IS NULL OR r.public_id = $2)
             ORDER BY b.round_id DESC LIMIT 1""",
        user_id,
        public_id,
    )


async def find_bet(conn: Connection, user_id: int, round_id: int) -> Mapping[str, object] | None:
    """Return a user's bet in a round."""
    return await conn.fetchrow(
        """SELECT bet, auto_x100, cashed_x100, payout, status
             FROM crash_bets WHERE user_id = $1 AND round_id = $2""",
        user_id,
        round_id,
    )


async def now(conn: Connection) -> object:
    """Return the database's clock."""
    return await conn.fetchval("SELECT clock_timestamp()")


async def prepare(conn: Connection, candidate: Candidate) -> None:
    """Commit to the next round's seed, so that its hash is known before the first bet."""
    await conn.execute(
        """INSERT INTO crash_rounds (public_id, seed_hash, seed_enc, edge_bp, max_x100, growth_e6, status)
           VALUES ($1, $2, $3, $4, $5, $6, 'WAITING') ON CONFLICT DO NOTHING""",
        candidate.public_id, candidate.seed_hash, candidate.seed_enc, candidate.edge_bp, candidate.max_x100,
        candidate.growth_e6,
    )  # fmt: skip


async def start(conn: Connection, round_id: int) -> None:
    """Close the betting: waits for the bets in flight, which hold the row."""
    await conn.execute(
        """UPDATE crash_rounds SET status = 'RUNNING'
            WHERE id = $1 AND status = 'BETTING' AND clock_timestamp() >= starts_at""",
        round_id,
    )


async def end(conn: Connection, round_id: int, crash_x100: int, seed: str) -> bool:
    """Reveal seed and point of a running round that has reached its point, or in which nobody is left."""
    done = await conn.fetchval(
        """UPDATE crash_rounds r
              SET status = 'CRASHED', seed = $3, crash_x100 = $2, ended_at = clock_timestamp()
            WHERE r.id = $1 AND r.status = 'RUNNING'
              AND ($2 = 100 OR cc_crash_x100(r, clock_timestamp()) > $2
                   OR NOT EXISTS (SELECT 1 FROM crash_bets b WHERE b.round_id = r.id AND b.status = 'OPEN'))
           RETURNING true""",
        round_id,
        crash_x100,
        seed,
    )
    return bool(done)


async def list_unsettled(conn: Connection) -> list[Mapping[str, object]]:
    """Return the rounds that are over and still have an open bet, oldest first."""
    return await conn.fetch(_UNSETTLED)


async def list_due(conn: Connection, round_id: int, *, until_x100: int | None = None) -> list[Due]:
    """Return the open bets of a round: those that leave by themselves up to `until_x100`, or all."""
    rows = await conn.fetch(
        """SELECT user_id, trace_id FROM crash_bets
            WHERE round_id = $1 AND status = 'OPEN' AND ($2::int IS NULL OR auto_x100 <= $2)
            ORDER BY auto_x100, user_id""",
        round_id,
        until_x100,
    )
    return [Due(cast(int, row["user_id"]), str(row["trace_id"])) for row in rows]


async def find_next_auto(conn: Connection, round_id: int, *, until_x100: int) -> int | None:
    """Return the lowest multiplier at which an open bet leaves by itself."""
    found = await conn.fetchval(
        """SELECT min(auto_x100) FROM crash_bets
            WHERE round_id = $1 AND status = 'OPEN' AND auto_x100 <= $2""",
        round_id,
        until_x100,
    )
    return cast(int | None, found)
