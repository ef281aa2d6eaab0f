"""Use cases of games."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast
from uuid import uuid4

import orjson

from ccops.backend import metrics
from ccops.backend.core.deps import Idempotency
from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import decrypt_pii
from ccops.backend.db import Connection, db
from ccops.backend.repositories import games as repository
from ccops.backend.rules import exp_of, levels
from ccops.backend.services import slot
from ccops.backend.utils.redis import wake_relays

TRIES = 5


async def spin(user_id: int, bet: int, idempotency: Idempotency) -> tuple[int, bytes, bool]:
    """Play one round: status, body bytes, replayed."""
    table = slot.paytable()
    if not table.min_bet <= bet <= table.max_bet:
        limits = {"min_bet": table.min_bet, "max_bet": table.max_bet}
        raise ApiError("AMOUNT_OUT_OF_RANGE", details=limits)
    row = await _settle(user_id, bet, idempotency)
    status, body, replayed = cast(int, row["status"]), cast(bytes, row["body"]), bool(row["replayed"])
    if not replayed:
        won = orjson.loads(body)["payout"] > 0
        metrics.game_rounds.labels("slot", "win" if won else "lose").inc()
        await wake_relays()
    return status, body, replayed


async def list_stats(user_id: int) -> list[Mapping[str, object]]:
    """Return the totals of every game the user has played."""
    async with db.connection() as conn:
        return await repository.list_stats(conn, user_id)


async def get_fairness(user_id: int) -> dict[str, object]:
    """Return what the house has committed to for the user's next round."""
    async with db.connection() as conn:
        player = await repository.find_player(conn, user_id)
    if player is None:
        raise ApiError("NOT_FOUND")
    committed = {name: player[name] for name in ("server_seed_hash", "client_seed", "nonce")}
    return {**committed, "rtp": {"slot": float(slot.paytable().rtp)}}


async def _settle(user_id: int, bet: int, idempotency: Idempotency) -> Mapping[str, object]:
    """Settle a round; a concurrent one that took the nonce first is waited for.

    The first try reads without a lock (one round trip less, and mostly alone); the others queue on the
    wallet row before they read the nonce, so that a burst of spins can't starve one of them.
    """
    for attempt in range(1, TRIES + 1):
        lend = db.connection if attempt == 1 else db.tx
        try:
            async with lend() as conn:
                return await _play(conn, user_id, bet, idempotency, lock=attempt > 1)
        except ApiError as error:
            if error.code != "NONCE_USED" or attempt == TRIES:
                raise
    raise AssertionError("the last try returns or raises")


async def _play(
    conn: Connection, user_id: int, bet: int, idempotency: Idempotency, *, lock: bool
) -> Mapping[str, object]:
    request_hash = idempotency.hash("slot", bet) if idempotency.key else None
    if lock:
        await repository.queue(conn, user_id, key=idempotency.key, request_hash=request_hash)
    player = await repository.find_player(conn, user_id)
    if player is None:
        raise ApiError("NOT_FOUND")
    if not player["age_verified"]:
        raise ApiError("AGE_VERIFICATION_REQUIRED")
    nonce = cast(int, player["nonce"])
    drawn = slot.spin(
        slot.paytable(),
        server_seed=bytes.fromhex(decrypt_pii(cast(bytes, player["server_seed_enc"]))),
        client_seed=str(player["client_seed"]),
        nonce=nonce,
    )
    return await repository.slot_spin(
        conn,
        user_id,
        round_id=uuid4(),
        bet=bet,
        payout=bet * drawn.multiplier,
        outcome={"reels": list(drawn.reels), "multiplier": drawn.multiplier},
        nonce=nonce,
        seed_hash=str(player["server_seed_hash"]),
        exp=exp_of("slot_round"),
        levels=levels(),
        key=idempotency.key,
        request_hash=request_hash,
    )
