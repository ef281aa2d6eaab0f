"""What Redis remembers of streaks: the count for a day, the attendance of a month. PostgreSQL knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from ccops.backend.db import db
from ccops.backend.repositories import streak as repo
from ccops.backend.schemas.streak import Streak
from ccops.backend.utils.redis import ATTENDANCE, STREAK, best_effort, redis

# Bit n-1 of a user's mask is day n of the month; setting it twice changes nothing. Counts are written only
# over what the caller saw (`*` = anything, empty = nothing): a claim in between has written something newer.
_REMEMBER = """
for i = 2, #KEYS do
    local seen, count = ARGV[1 + 2 * i], ARGV[2 + 2 * i]
    if seen == '*' or (redis.call('GET', KEYS[i]) or '') == seen then
        if count == '0' then redis.call('DEL', KEYS[i])
        else redis.call('SET', KEYS[i], count, 'EX', ARGV[1]) end
    end
end
local mask = tonumber(redis.call('HGET', KEYS[1], ARGV[3]) or '0')
mask = bit.bor(mask, tonumber(ARGV[4]))
if mask > 0 then
    redis.call('HSET', KEYS[1], ARGV[3], tostring(mask))
    redis.call('EXPIRE', KEYS[1], ARGV[2])
end
"""
_remember = redis.register_script(_REMEMBER)


@dataclass(frozen=True, slots=True)
class Seen:
    """What Redis held before PostgreSQL was asked: counts by streak, and whether there is a mask."""

    counts: Mapping[str, str]
    masked: bool


async def claimed(user_id: int, *, action_type: str, day: date, count: int) -> None:
    """Remember a claim that PostgreSQL has committed."""
    async with best_effort("streak cache"):
        await _write(user_id, day, 1 << (day.day - 1), {action_type: ("*", count)})


async def look(user_id: int, *, today: date, names: list[str]) -> Seen | None:
    """Return what Redis holds, or None when it does not answer."""
    async with best_effort("streak cache"):
        async with redis.pipeline(transaction=False) as pipe:
            pipe.mget([_key(user_id, name) for name in names])
            pipe.hexists(_month(today), str(user_id))
            counts, masked = await pipe.execute()
        return Seen(dict(zip(names, (count or "" for count in counts), strict=True)), bool(masked))
    return None


async def restore(user_id: int, *, today: date, streaks: list[Streak], seen: Seen) -> None:
    """Bring back what Redis lost or missed; `streaks` were read from PostgreSQL after `seen`."""
    wrong = {
        one.action_type: (seen.counts[one.action_type], one.count)
        for one in streaks
        if (seen.counts[one.action_type] or "0") != str(one.count)
    }
    attended = any(one.last_claim_day and one.last_claim_day >= today.replace(day=1) for one in streaks)
    if not wrong and (seen.masked or not attended):
        return
    async with db.connection() as conn:
        mask = await repo.attendance(conn, user_id, month=today)
    async with best_effort("streak cache"):
        await _write(user_id, today, mask, wrong)


async def _write(user_id: int, day: date, mask: int, counts: Mapping[str, tuple[str, int]]) -> None:
    keys = [_month(day), *(_key(user_id, name) for name in counts)]
    pairs = [value for seen, count in counts.values() for value in (seen, count)]
    await _remember(keys=keys, args=[STREAK.ttl_s, ATTENDANCE.ttl_s, user_id, mask, *pairs])


def _key(user_id: int, action_type: str) -> str:
    return STREAK.pattern.format(id=user_id, action=action_type)


def _month(day: date) -> str:
    return ATTENDANCE.pattern.format(YYYYMM=day.strftime("%Y%m"))
