"""Use cases of crash: bet, leave, look, verify. The database's clock decides, the worker books."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import cast
from uuid import UUID, uuid4

from ccops.backend import metrics
from ccops.backend.core.deps import Idempotency
from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import decrypt_pii, encrypt_pii
from ccops.backend.db import db
from ccops.backend.repositories import crash as repository
from ccops.backend.rules import exp_of, levels, paytables
from ccops.backend.services.crash_point import crash_x100
from ccops.backend.utils.redis import wake_relays

Round = Mapping[str, object]


def new_round() -> repository.Candidate:
    """Return a round with a fresh seed, committed to by its hash."""
    seed, table = secrets.token_bytes(32), paytables().crash
    return repository.Candidate(
        public_id=uuid4(),
        seed_hash=hashlib.sha256(seed).hexdigest(),
        seed_enc=encrypt_pii(seed.hex()),
        edge_bp=table.edge_bp,
        max_x100=table.max_x100,
        growth_e6=table.growth_e6,
    )


def seed_of(row: Round) -> bytes:
    """Return the secret of a round."""
    return bytes.fromhex(decrypt_pii(cast(bytes, row["seed_enc"])))


def point_of(row: Round) -> int:
    """Return where a round ends, by the table that was committed together with its seed."""
    return crash_x100(
        seed_of(row),
        cast(UUID, row["public_id"]),
        edge_bp=cast(int, row["edge_bp"]),
        max_x100=cast(int, row["max_x100"]),
    )


async def bet(
    user_id: int, amount: int, auto_x100: int | None, idempotency: Idempotency
) -> tuple[int, bytes, bool]:
    """Bet in the round that takes bets: status, body bytes, replayed."""
    table = paytables().crash
    if not table.takes(amount) or (auto_x100 or 0) > table.max_x100:
        raise ApiError("AMOUNT_OUT_OF_RANGE", details=table.limits() | {"max_auto_x100": table.max_x100})
    async with db.connection() as conn:
        row = await repository.bet(
            conn,
            user_id,
            amount,
            auto_x100,
            bet_id=uuid4(),
            spare=new_round(),
            key=idempotency.key,
            request_hash=idempotency.hash("crash_bet", amount, auto_x100) if idempotency.key else None,
        )
    if not row["replayed"]:
        await wake_relays()
    return cast(int, row["status"]), cast(bytes, row["body"]), bool(row["replayed"])


async def cash_out(user_id: int, round_id: UUID | None, idempotency: Idempotency) -> tuple[int, bytes, bool]:
    """Leave the round with the multiplier of now: status, body bytes, replayed."""
    async with db.connection() as conn:
        found = await repository.find_bet_on(conn, user_id, round_id)
        if found is None:
            raise ApiError("ROUND_CLOSED", "You have no bet to cash out.")
        row = await repository.cash_out(
            conn,
            user_id,
            cast(int, found["id"]),
            point_of(found),
            exp=exp_of("crash_round"),
            levels=levels(),
            key=idempotency.key,
            request_hash=idempotency.hash("crash_cashout", round_id) if idempotency.key else None,
        )
    if not row["replayed"]:
        metrics.game_rounds.labels("crash", "win").inc()
        await wake_relays()
    return cast(int, row["status"]), cast(bytes, row["body"]), bool(row["replayed"])


async def get_current(user_id: int) -> dict[str, object]:
    """Return the newest round as the clock sees it, and the user's bet in it."""
    async with db.connection() as conn:
        row = await repository.find_last(conn)
        if row is None:
            return {"server_time": await repository.now(conn), "round": None, "bet": None}
        own = await repository.find_bet(conn, user_id, cast(int, row["id"]))
    phase = phase_of(row)
    shown = {
        "round_id": row["public_id"],
        "status": phase,
        "server_seed_hash": row["seed_hash"],
        "multiplier_x100": row["x100"] if phase == "RUNNING" else None,
        **{name: row[name] for name in ("opened_at", "starts_at", "crash_x100", "growth_e6")},
    }
    return {"server_time": row["now"], "round": shown, "bet": dict(own) if own else None}


def phase_of(row: Round) -> str:
    """Return what the clock makes of a round: its row may say RUNNING a little longer."""
    if row["status"] in {"WAITING", "CRASHED"}:
        return str(row["status"])
    if cast(float, row["running_s"]) < 0:
        return "BETTING"
    point = point_of(row)
    return "CRASHED" if point == 100 or cast(int, row["x100"]) > point else "RUNNING"


async def get_proof(round_id: UUID) -> dict[str, object]:
    """Return what verifies a round. Raises ApiError NOT_FOUND."""
    async with db.connection() as conn:
        row = await repository.find_round(conn, round_id)
    if row is None:
        raise ApiError("NOT_FOUND")
    names = ("status", "crash_x100", "edge_bp", "max_x100", "growth_e6")
    secret = {"server_seed_hash": row["seed_hash"], "server_seed": row["seed"]}
    return {"round_id": row["public_id"], **secret, **{name: row[name] for name in names}}
