"""SQL of streaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import cast

from ccops.backend.db import Connection, call_context


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: which streak, which day, what it may earn, under which idempotency key."""

    action_type: str
    day: date
    rewards: list[int]
    exp: int
    levels: list[int]
    key: str | None
    request_hash: bytes


async def claim(conn: Connection, user_id: int, given: Claim) -> tuple[int, bytes, bool]:
    """Claim in one transaction; returns status, body and whether it is a replay."""
    row = await conn.fetchrow(
        "SELECT status, body, replayed FROM cc_streak_claim($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        call_context(), user_id, given.action_type, given.day, given.rewards, given.exp, given.levels,
        given.key, given.request_hash,
    )  # fmt: skip
    assert row is not None
    return cast(int, row["status"]), cast(bytes, row["body"]), cast(bool, row["replayed"])


async def list_streaks(conn: Connection, user_id: int) -> list[Mapping[str, object]]:
    """Return the streaks that were ever started."""
    return await conn.fetch(
        "SELECT action_type, current, longest, last_claim_day FROM user_streaks WHERE user_id = $1",
        user_id,
    )
