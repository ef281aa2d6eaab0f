"""SQL of promo codes."""

from __future__ import annotations

from typing import cast

from ccops.backend.db import Connection, call_context


async def redeem(
    conn: Connection, user_id: int, *, code: str, key: str | None, request_hash: bytes
) -> tuple[int, bytes, bool]:
    """Redeem in one transaction; returns status, body and whether it is a replay."""
    row = await conn.fetchrow(
        "SELECT status, body, replayed FROM cc_promo_redeem($1, $2, $3, $4, $5)",
        call_context(), user_id, code, key, request_hash,
    )  # fmt: skip
    assert row is not None
    return cast(int, row["status"]), cast(bytes, row["body"]), cast(bool, row["replayed"])
