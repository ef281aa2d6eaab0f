"""SQL of streaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import cast

from ccops.backend.db import Connection, call_context


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: which streak, which day and the one before it, what it may earn, under which key."""

    action_type: str
    day: date
    before: date
    rewards: list[int]
    exp: int
    levels: list[int]
    key: str | None
    request_hash: bytes


async def claim(conn: Connection, user_id: int, given: Claim) -> tuple[int, bytes, bool]:
    """Claim in one transaction; returns status, body and whether it is a replay."""
    row = await conn.fetchrow(
        "SELECT status, body, replayed FROM cc_streak_claim($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        call_context(), user_id, given.action_type, given.day, given.before, given.rewards, given.exp,
        given.levels, given.key, given.request_hash,
    )  # fmt: skip
    assert row is not None
    return cast(int, row["status"]), cast(bytes, row["body"]), cast(bool, row["replayed"])


async def list_streaks(conn: Connection, user_id: int) -> list[Mapping[str, object]]:
    """Return the streaks that were ever started."""
    return await conn.fetch(
        "SELECT action_type, current, longest, last_claim_day FROM user_streaks WHERE user_id = $1",
        user_id,
    )


async def attendance(conn: Connection, user_id: int, *, month: date) -> int:
    """Return the days of `month` with a claim, day n as bit n-1."""
    return cast(
        int,
        await conn.fetchval(
            """SELECT coalesce(bit_or(1 << (extract(day FROM claim_day)::int - 1)), 0) FROM streak_claims
                WHERE user_id = $1 AND claim_day >= date_trunc('month', $2::date)
                  AND claim_day < date_trunc('month', $2::date) + interval '1 month'""",
            user_id,
            month,
        ),
    )
