"""Use cases of the games that a seed decides at once (slot, gacha, rps), and of their fairness."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import cast
from uuid import uuid4

from ccops.backend import metrics
from ccops.backend.core.deps import Idempotency
from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import decrypt_pii, encrypt_pii
from ccops.backend.db import Connection, db
from ccops.backend.repositories import games as repository
from ccops.backend.rules import exp_of, levels, paytables
from ccops.backend.services.draw import words
from ccops.backend.services.rounds import Wanted, settle
from ccops.backend.utils.redis import wake_relays

TRIES = 5


async def play(user_id: int, wanted: Wanted, idempotency: Idempotency) -> tuple[int, bytes, bool]:
    """Play one round: status, body bytes, replayed."""
    if not wanted.table.takes(wanted.bet):
        raise ApiError("AMOUNT_OUT_OF_RANGE", details=wanted.table.limits())
    row, result = await _settle(user_id, wanted, idempotency)
    replayed = bool(row["replayed"])
    if not replayed:
        metrics.game_rounds.labels(wanted.game, result).inc()
        await wake_relays()
    return cast(int, row["status"]), cast(bytes, row["body"]), replayed


async def list_stats(user_id: int) -> list[Mapping[str, object]]:
    """Return the totals of every game the user has played."""
    async with db.connection() as conn:
        return await repository.list_stats(conn, user_id)


async def get_fairness(user_id: int) -> dict[str, object]:
    """Return what the house has committed to for the user's next round, and the seeds it has revealed."""
    async with db.connection() as conn:
        player = await repository.find_player(conn, user_id)
        revealed = await repository.list_revealed(conn, user_id)
    if player is None:
        raise ApiError("NOT_FOUND")
    committed = {name: player[name] for name in ("server_seed_hash", "client_seed", "nonce")}
    tables = paytables()
    rtp = {name: float(getattr(tables, name).rtp) for name in type(tables).model_fields}
    return {**committed, "rtp": rtp, "revealed": [dict(row) for row in revealed]}


async def rotate(user_id: int, client_seed: str | None) -> dict[str, object]:
    """Reveal the seed in use and commit to a new one."""
    async with db.tx() as conn:
        await repository.queue(conn, user_id)
        player = await repository.find_player(conn, user_id)
        if player is None:
            raise ApiError("NOT_FOUND")
        old_seed = decrypt_pii(cast(bytes, player["server_seed_enc"]))
        seed = secrets.token_bytes(32)
        seed_hash = hashlib.sha256(seed).hexdigest()
        row = await repository.rotate(
            conn, user_id, str(player["server_seed_hash"]), old_seed,
            new_enc=encrypt_pii(seed.hex()), new_hash=seed_hash, client_seed=client_seed,
        )  # fmt: skip
    revealed = {
        "server_seed": old_seed,
        "server_seed_hash": player["server_seed_hash"],
        "client_seed": row["old_client_seed"],
        "first_nonce": row["first_nonce"],
        "next_nonce": row["nonce"],
    }
    committed = {"server_seed_hash": seed_hash, "client_seed": row["client_seed"], "nonce": row["nonce"]}
    return {"revealed": revealed, "committed": committed}


async def _settle(user_id: int, wanted: Wanted, idempotency: Idempotency) -> tuple[Mapping[str, object], str]:
    """Settle a round; a concurrent one that took the nonce first is waited for.

    The first try reads without a lock (one round trip less, and mostly alone); the others queue on the
    wallet row before they read the nonce, so that a burst of rounds can't starve one of them.
    """
    for attempt in range(1, TRIES + 1):
        lend = db.connection if attempt == 1 else db.tx
        try:
            async with lend() as conn:
                return await _play(conn, user_id, wanted, idempotency, lock=attempt > 1)
        except ApiError as error:
            if error.code != "NONCE_USED" or attempt == TRIES:
                raise
    raise AssertionError("the last try returns or raises")


async def _play(
    conn: Connection, user_id: int, wanted: Wanted, idempotency: Idempotency, *, lock: bool
) -> tuple[Mapping[str, object], str]:
    request_hash = idempotency.hash(*wanted.meaning) if idempotency.key else None
    if lock:
        await repository.queue(
            conn, user_id, scope=wanted.game, key=idempotency.key, request_hash=request_hash
        )
    player = await repository.find_player(conn, user_id)
    if player is None:
        raise ApiError("NOT_FOUND")
    if not player["age_verified"]:
        raise ApiError("AGE_VERIFICATION_REQUIRED")
    nonce = cast(int, player["nonce"])
    server_seed = bytes.fromhex(decrypt_pii(cast(bytes, player["server_seed_enc"])))
    drawn = settle(wanted, words(server_seed, str(player["client_seed"]), nonce))
    row = await repository.play(
        conn,
        user_id,
        repository.Round(
            game=wanted.game,
            round_id=uuid4(),
            bet=wanted.bet,
            payout=drawn.payout,
            result=drawn.result,
            outcome=drawn.outcome,
            nonce=nonce,
            seed_hash=str(player["server_seed_hash"]),
            action=wanted.action,
            metric=wanted.metric,
            exp=exp_of(f"{wanted.game}_round"),
            levels=levels(),
        ),
        key=idempotency.key,
        request_hash=request_hash,
    )
    return row, drawn.result
