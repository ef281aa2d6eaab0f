"""The battle pass: two tracks of rewards by level; premium rewards are for who owns the season's pass."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import cast

from ccops.backend import metrics, rules
from ccops.backend.core.deps import Idempotency
from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import Claims
from ccops.backend.db import db
from ccops.backend.repositories import battlepass as repo
from ccops.backend.schemas.battlepass import BattlePass, PassReward, Tracks
from ccops.backend.utils.redis import wake_relays

_COUNTED = {"ALREADY_CLAIMED": "duplicate", "LEVEL_LOCKED": "locked", "PREMIUM_REQUIRED": "locked"}


async def state(user: Claims) -> BattlePass:
    """Return the season that started last and the caller's part in it."""
    async with db.connection() as conn:
        row = await repo.state_or_none(conn, user.user_id)
    if row is None:
        raise ApiError("NOT_FOUND", "There is no season.")
    tables = rules.rewards().battle_pass
    gold = tables.get(str(row["season"]), tables["default"])
    level, claimed = cast(int, row["level"]), set(cast(list[str], row["claimed"]))
    tracks = Tracks(
        free=_track("free", gold.free, level=level, claimed=claimed),
        premium=_track("premium", gold.premium, level=level if row["owned"] else 0, claimed=claimed),
    )
    return BattlePass.model_validate(
        {**_public(row), "next_level_exp": _next_level(cast(int, row["exp"])), "tracks": tracks}
    )


async def claim(user: Claims, *, level: int, track: str, idempotency: Idempotency) -> tuple[int, bytes, bool]:
    """Pay one reward once; returns status, body bytes and whether they are a replay."""
    given = repo.Claim(
        level=level,
        track=track,
        gold={name: tracks.model_dump() for name, tracks in rules.rewards().battle_pass.items()},
        key=idempotency.key,
        request_hash=idempotency.hash("battlepass", level, track),
    )
    try:
        async with db.connection() as conn:
            answer = await repo.claim(conn, user.user_id, given)
    except ApiError as error:
        if error.code in _COUNTED:
            metrics.battlepass_claim.labels(_COUNTED[error.code]).inc()
        raise
    if not answer[2]:
        metrics.battlepass_claim.labels("granted").inc()
        await wake_relays()
    return answer


def _public(row: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name != "claimed"}


def _track(name: str, gold: Sequence[int], *, level: int, claimed: Collection[str]) -> list[PassReward]:
    return [
        PassReward(level=at, reward_gold=amount, unlocked=at <= level, claimed=f"{name}:{at}" in claimed)
        for at, amount in enumerate(gold, start=1)
    ]


def _next_level(exp: int) -> int | None:
    return next((threshold for threshold in rules.levels() if threshold > exp), None)
