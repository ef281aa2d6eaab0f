"""SQL of rewards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from ccops.backend.db import Connection, call_context
from ccops.backend.schemas.rewards import SOURCES

# A win names its game in the account that paid it; every other credit is named by its reason.
_CREDITS = """
SELECT * FROM (
    SELECT CASE WHEN counter_account LIKE 'house:%' THEN split_part(counter_account, ':', 2)
                ELSE reason END AS source,
           delta AS amount, balance_after, seq AS ledger_seq, ref_type, ref_id, event_id, trace_id, created_at
      FROM gold_ledger WHERE user_id = $1 AND seq < $2 AND delta > 0) AS credit
 WHERE source = ANY($4::text[])
 ORDER BY ledger_seq DESC LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class Grant:
    """Gold for a user under a reference, and the administrator's idempotency key."""

    user_id: int
    ref: str
    gold: int
    reason: str
    key: str | None
    request_hash: bytes


async def list_grants(
    conn: Connection, user_id: int, *, before: int, limit: int
) -> list[Mapping[str, object]]:
    """Return a user's credits with a ledger seq below `before`, newest first."""
    return await conn.fetch(_CREDITS, user_id, before, limit, list(SOURCES))


async def grant(conn: Connection, admin_id: int, given: Grant) -> tuple[int, bytes, bool]:
    """Grant once a reference; returns status, body and whether it is a replay."""
    row = await conn.fetchrow(
        "SELECT status, body, replayed FROM cc_reward_grant($1, $2, $3, $4, $5, $6, $7, $8)",
        call_context(), admin_id, given.user_id, given.ref, given.gold, given.reason, given.key,
        given.request_hash,
    )  # fmt: skip
    assert row is not None  # a function with OUT parameters always answers one row
    return cast(int, row["status"]), cast(bytes, row["body"]), cast(bool, row["replayed"])
