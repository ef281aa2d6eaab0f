"""SQL of the battle pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from ccops.backend.db import Connection, call_context

# The season is the one that started last, as in cc_battlepass_claim.
_STATE = """
SELECT s.id AS season, s.title, s.starts_at, s.ends_at, coalesce(s.ends_at <= now(), false) AS ended,
       u.level, u.exp,
       EXISTS (SELECT 1 FROM battle_pass_owners o WHERE o.season = s.id AND o.user_id = u.id) AS owned,
       (SELECT p.id FROM products p WHERE p.season = s.id AND p.kind = 'battle_pass' AND p.active
         ORDER BY p.id LIMIT 1) AS product_id,
       ARRAY(SELECT c.track || ':' || c.level FROM battle_pass_claims c
              WHERE c.season = s.id AND c.user_id = u.id) AS claimed
  FROM battle_pass_seasons s CROSS JOIN users u
 WHERE u.id = $1 AND s.starts_at <= now()
 ORDER BY s.starts_at DESC, s.id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: level and track, the gold of every season's levels, the idempotency key."""

    level: int
    track: str
    gold: Mapping[str, object]
    key: str | None
    request_hash: bytes


async def state_or_none(conn: Connection, user_id: int) -> Mapping[str, object] | None:
    """Return the season that started last with the user's part in it; None before the first season."""
    return await conn.fetchrow(_STATE, user_id)


async def claim(conn: Connection, user_id: int, given: Claim) -> tuple[int, bytes, bool]:
    """Pay one reward once; returns status, body and whether it is a replay."""
    row = await conn.fetchrow(
        "SELECT status, body, replayed FROM cc_battlepass_claim($1, $2, $3, $4, $5, $6, $7)",
        call_context(), user_id, given.level, given.track, given.gold, given.key, given.request_hash,
    )  # fmt: skip
    assert row is not None  # a function with OUT parameters always answers one row
    return cast(int, row["status"]), cast(bytes, row["body"]), cast(bool, row["replayed"])
